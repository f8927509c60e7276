/* A QEMU TCG plugin that counts what a guest program does: instructions executed and pages of memory touched.
 *
 *   gcc -shared -fPIC -O2 count_plugin.c -o count.so
 *   qemu-arm -cpu arm1176 -plugin ./count.so -d plugin PROGRAM
 *
 * Prints "instructions N" and "pages N", pages of 4096 bytes: those of code that ran, and of data loaded or stored by the
 * program at any time. A program that gives nothing back while it works, as ours, has them resident at its peak.
 * Distributions ship no header of the interface, so the few functions used are declared here (version 1, QEMU 4.2 on).
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

typedef uint64_t plugin_id;
struct tb;
struct insn;
struct info;
typedef void (*on_translate)(plugin_id, struct tb *);
typedef void (*on_access)(unsigned, uint32_t, uint64_t, void *);
typedef void (*on_exit_)(plugin_id, void *);

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, on_translate);
extern void qemu_plugin_register_atexit_cb(plugin_id, on_exit_, void *);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct tb *, int operation, void *, uint64_t);
extern void qemu_plugin_register_vcpu_mem_cb(struct insn *, on_access, int registers, int kind, void *);
extern size_t qemu_plugin_tb_n_insns(const struct tb *);
extern struct insn *qemu_plugin_tb_get_insn(const struct tb *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct insn *);
extern void qemu_plugin_outs(const char *);

enum { ADD = 0, NO_REGISTERS = 0, LOADS_AND_STORES = 3, PAGE_BITS = 12, PAGES = 1 << 20 };

int qemu_plugin_version = 1;

static uint64_t instructions;
static unsigned char touched[PAGES]; /* of a 32-bit guest */

static void touch(uint64_t address)
{
    touched[(address >> PAGE_BITS) % PAGES] = 1;
}

static void access_memory(unsigned cpu, uint32_t kind, uint64_t address, void *data)
{
    (void)cpu, (void)kind, (void)data;
    touch(address);
}

static void translate(plugin_id id, struct tb *block)
{
    const size_t count = qemu_plugin_tb_n_insns(block);
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, ADD, &instructions, count);
    for (size_t i = 0; i < count; i++) {
        struct insn *one = qemu_plugin_tb_get_insn(block, i);
        touch(qemu_plugin_insn_vaddr(one));
        qemu_plugin_register_vcpu_mem_cb(one, access_memory, NO_REGISTERS, LOADS_AND_STORES, NULL);
    }
}

static void report(plugin_id id, void *data)
{
    char line[80];
    long pages = 0;
    (void)id, (void)data;
    for (long page = 0; page < PAGES; page++) pages += touched[page];
    snprintf(line, sizeof line, "instructions %" PRIu64 "\npages %ld\n", instructions, pages);
    qemu_plugin_outs(line);
}

int qemu_plugin_install(plugin_id id, const struct info *what, int count, char **words)
{
    (void)what, (void)count, (void)words;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, report, NULL);
    return 0;
}
