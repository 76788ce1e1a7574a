"""What every training run has: a folder with log, checkpoint and the smoothed weights; it ends on time and goes on where
it was stopped."""

import json
import os
import time

import numpy as np
import torch


def threads(count=2):
    """As fast as it gets on few cores; OMP_WAIT_POLICY=passive in the environment is worth ten times as much."""
    torch.set_num_threads(count)


class Run:
    """`modules` are saved and smoothed; `optimizer` is saved. Time counts over all sessions of the run."""

    def __init__(self, folder, modules, optimizer, minutes, seed, smoothing=0.999):
        self.folder, self.modules, self.optimizer = folder, modules, optimizer
        self.seconds, self.smoothing = minutes * 60, smoothing
        self.step, self.spent = 0, 0.0
        os.makedirs(folder, exist_ok=True)
        torch.manual_seed(seed)
        self.smooth = {k: v.detach().clone() for k, v in self._state().items()}
        self.checkpoint = os.path.join(folder, "checkpoint.pt")
        if os.path.exists(self.checkpoint):
            self._resume()
        self.began, self.saved = time.time() - self.spent, time.time()

    def _state(self):
        return {f"{name}.{k}": v for name, module in self.modules.items() for k, v in module.state_dict().items()}

    def _resume(self):
        saved = torch.load(self.checkpoint, map_location="cpu")
        for name, module in self.modules.items():
            module.load_state_dict(saved["modules"][name])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.smooth = saved["smooth"]
        self.step, self.spent = saved["step"], saved["spent"]
        torch.set_rng_state(saved["random"])
        print(f"goes on at step {self.step}, {self.spent / 60:.0f} min", flush=True)

    @property
    def fraction(self):
        """How much of the run's time is over, 0..1."""
        return (time.time() - self.began) / self.seconds

    def rate(self, peak, warmup=100, power=0.8):
        """Sets and returns the learning rate: up over `warmup` steps, down to nothing at the end."""
        value = peak * min(1.0, (self.step + 1) / warmup) * max(0.0, 1 - self.fraction) ** power + 1e-6
        for group in self.optimizer.param_groups:
            group["lr"] = value
        return value

    def advance(self, loss):
        """One optimizer step on a loss. False where the gradient was not finite, and nothing was changed."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        good = bool(torch.isfinite(norm))
        if good:
            self.optimizer.step()
            keep = min(self.smoothing, (self.step + 1) / (self.step + 10))
            with torch.no_grad():
                for name, value in self._state().items():
                    if value.dtype.is_floating_point:
                        self.smooth[name].lerp_(value, 1 - keep)
        self.step += 1
        return good

    def log(self, **values):
        row = {"step": self.step, "minutes": round((time.time() - self.began) / 60, 2)}
        row.update({k: round(float(v), 5) for k, v in values.items()})
        with open(os.path.join(self.folder, "log.jsonl"), "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print("  ".join(f"{k} {v}" for k, v in row.items()), flush=True)

    def save(self, every=300):
        """Writes the checkpoint when the last is `every` seconds old; 0: now."""
        if every and time.time() - self.saved < every:
            return
        self.spent, self.saved = time.time() - self.began, time.time()
        state = {"modules": {n: m.state_dict() for n, m in self.modules.items()},
                 "optimizer": self.optimizer.state_dict(), "smooth": self.smooth,
                 "step": self.step, "spent": self.spent, "random": torch.get_rng_state()}
        torch.save(state, self.checkpoint + ".new")
        os.replace(self.checkpoint + ".new", self.checkpoint)

    def smoothed(self, name):
        """The smoothed weights of one module, as its state dict."""
        return {k[len(name) + 1:]: v for k, v in self.smooth.items() if k.startswith(name + ".")}


def mean_log(rows, key):
    """The column of a log file's rows as an array, for plots."""
    return np.array([row[key] for row in rows if key in row])
