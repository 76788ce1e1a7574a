"""Muon for matrices, AdamW for everything else, in one optimizer.

Muon (Jordan, 2024) makes every step of a matrix orthogonal, by a Newton-Schulz iteration on its momentum; steps are then
scaled to the size that Adam's have, so that one learning rate serves both. It needs about two thirds of AdamW's steps on
networks like ours, at a tenth more time a step.
"""

import torch

STEPS, A, B, C = 5, 3.4445, -4.7750, 2.0315  # of the iteration: singular values end between 0.7 and 1.2


def orthogonal(matrix):
    """The nearest to an orthogonal matrix; of a batch of them."""
    x = matrix.to(torch.bfloat16)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.float().norm(dim=(-2, -1), keepdim=True).to(torch.bfloat16) + 1e-7)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = A * x + (B * gram + C * gram @ gram) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """`parts` of a parameter (an attribute, 1 unless set) says how many matrices lie in it one above the other."""

    def __init__(self, module, rate, betas=(0.9, 0.98), momentum=0.95, decay=0.01):
        matrices, others = [], []
        for name, parameter in module.named_parameters():
            (matrices if parameter.ndim == 2 and min(parameter.shape) >= 64 and "embed" not in name else others).append(parameter)
        groups = [{"params": matrices, "muon": True}, {"params": others, "muon": False}]
        super().__init__([g for g in groups if g["params"]],
                         {"lr": rate, "betas": betas, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    (self._muon if group["muon"] else self._adam)(parameter, self.state[parameter], group)

    @staticmethod
    def _muon(parameter, state, group):
        if not state:
            state["mean"] = torch.zeros_like(parameter)
        mean, keep = state["mean"], group["momentum"]
        mean.lerp_(parameter.grad, 1 - keep)
        direction = parameter.grad.lerp(mean, keep)
        parts = getattr(parameter, "parts", 1)
        step = orthogonal(direction.view(parts, -1, direction.shape[-1]))
        scale = 0.2 * max(step.shape[-2:]) ** 0.5
        parameter.mul_(1 - group["lr"] * group["decay"])
        parameter.add_(step.view_as(parameter), alpha=-group["lr"] * scale)

    @staticmethod
    def _adam(parameter, state, group):
        if not state:
            state.update(count=0, mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
        state["count"] += 1
        first, second = group["betas"]
        state["mean"].lerp_(parameter.grad, 1 - first)
        state["square"].mul_(second).addcmul_(parameter.grad, parameter.grad, value=1 - second)
        mean = state["mean"] / (1 - first ** state["count"])
        square = state["square"] / (1 - second ** state["count"])
        if parameter.ndim > 1:
            parameter.mul_(1 - group["lr"] * group["decay"])
        parameter.addcdiv_(mean, square.sqrt().add_(1e-8), value=-group["lr"])
