"""Med-NCA where PyTorch is not: C99 source and ONNX graphs written from a trained model."""
