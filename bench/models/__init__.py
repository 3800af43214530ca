"""Models: pretrained weights, the fused model, diffusion, sampling."""
