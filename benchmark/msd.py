"""The ten tasks of the Medical Segmentation Decathlon (MSD): names, modalities, labels and typical voxel spacing.

Names, modalities and labels are those of the tasks' `dataset.json` files (medicaldecathlon.com, CC-BY-SA 4.0), from
memory except for the hippocampus task, which was read. Spacings are medians over the task in mm, in the array order
of the NIfTI files (x, y, z), as tabulated by the nnU-Net authors, also from memory: they describe a task in listings
and are never used in a computation, where each volume's own header counts.
"""

from dataclasses import dataclass

from .errors import unknown_name


@dataclass(frozen=True)
class MsdTask:
    """One MSD task.

    Attributes:
        name: the folder's name, "Task04_Hippocampus".
        alias: the short name for the command line, "hippocampus".
        modalities: channel names, in channel order.
        labels: foreground names of the label values 1, 2, ... in this order.
        spacing: median voxel spacing in mm, (x, y, z).
        axes: which way the axes of its files run, see `orientation`; empty where that was not looked at.
    """

    name: str
    alias: str
    modalities: tuple[str, ...]
    labels: tuple[str, ...]
    spacing: tuple[float, float, float]
    axes: str = ""


_CT = ("CT",)
_MRI = ("MRI",)

TASKS: tuple[MsdTask, ...] = (
    MsdTask(
        "Task01_BrainTumour",
        "brain-tumour",
        ("FLAIR", "T1w", "t1gd", "T2w"),
        ("edema", "non-enhancing tumor", "enhancing tumour"),
        (1.0, 1.0, 1.0),
    ),
    MsdTask("Task02_Heart", "heart", _MRI, ("left atrium",), (1.25, 1.25, 1.37)),
    MsdTask("Task03_Liver", "liver", _CT, ("liver", "cancer"), (0.77, 0.77, 1.0)),
    MsdTask("Task04_Hippocampus", "hippocampus", _MRI, ("Anterior", "Posterior"), (1.0, 1.0, 1.0), "RAS"),
    MsdTask("Task05_Prostate", "prostate", ("T2", "ADC"), ("PZ", "TZ"), (0.62, 0.62, 3.6)),
    MsdTask("Task06_Lung", "lung", _CT, ("cancer",), (0.79, 0.79, 1.24)),
    MsdTask("Task07_Pancreas", "pancreas", _CT, ("pancreas", "cancer"), (0.8, 0.8, 2.5)),
    MsdTask("Task08_HepaticVessel", "hepatic-vessel", _CT, ("Vessel", "Tumour"), (0.8, 0.8, 5.0)),
    MsdTask("Task09_Spleen", "spleen", _CT, ("spleen",), (0.79, 0.79, 5.0)),
    MsdTask("Task10_Colon", "colon", _CT, ("colon cancer primaries",), (0.78, 0.78, 5.0)),
)


def _spellings(task: MsdTask) -> set[str]:
    """Every accepted spelling of a task, folded: folder name, alias, alias without hyphen, "task04", "04" and "4"."""
    number, organ = task.name.casefold().split("_")
    digits = number.removeprefix("task")
    return {task.name.casefold(), task.alias, organ, number, digits, digits.lstrip("0")}


def known_task(name: str) -> MsdTask | None:
    """The MSD task called `name` in any accepted spelling, or None.

    >>> known_task("HIPPOCAMPUS").name, known_task("4").name
    ('Task04_Hippocampus', 'Task04_Hippocampus')
    """
    folded = name.strip().casefold().replace(" ", "-")
    return next((task for task in TASKS if folded in _spellings(task)), None)


def find_task(name: str) -> MsdTask:
    """The MSD task called `name`: folder name ("Task04_Hippocampus"), its number or alias, in any case.

    Raises:
        UsageProblem: no such task; the message offers the nearest and lists all.
    """
    task = known_task(name)
    if task is None:
        raise unknown_name("task", name, [*(task.alias for task in TASKS), *(task.name for task in TASKS)])
    return task
