"""Reference weights as safetensors, a model card each, and `checksums.json`, which names what is not shipped too."""
