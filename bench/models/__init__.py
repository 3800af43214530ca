"""Networks and the mathematics around them: pretrained weights, the fused model, diffusion, sampling."""
