"""trl_loss - TRL's own GRPOTrainer._compute_loss and RLOOTrainer._compute_loss on given log-probabilities.

The methods are run as they are, on an object that has what they read and no trainer around it.
"""
from collections import defaultdict
from types import SimpleNamespace

import torch
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.rloo_trainer import RLOOTrainer

NAMES = {"gspo": "grpo"}


def padded(rows):
    return torch.nn.utils.rnn.pad_sequence([torch.as_tensor(r) for r in rows], batch_first=True)


def compute(samples, advantages, task):
    """The loss of samples with "logp", "old", "ref", "trust"; a tensor that can be differentiated by "logp"."""
    logp, old, ref = (padded([s[k] for s in samples]) for k in ("logp", "old", "ref"))
    mask = padded([torch.ones(len(s["old"])) for s in samples]).to(logp.dtype)
    beta = task["beta"] if task["kl"] == "k3" and task["kl_in"] == "loss" else 0.0
    accelerator = SimpleNamespace(num_processes=1, gather=lambda x: x, reduce=lambda x, reduction: x)
    trainer = SimpleNamespace(
        accelerator=accelerator, aux_loss_enabled=False, top_entropy_quantile=1.0, off_policy_mask_threshold=None,
        importance_sampling_level="sequence" if task["loss"] == "gspo" else "token", beta=beta,
        loss_type=NAMES.get(task["loss"], task["loss"]), epsilon_low=task["low"], epsilon_high=task["high"],
        use_vllm=True, vllm_importance_sampling_correction=True, current_gradient_accumulation_steps=1,
        max_completion_length=task["length"], _entropy_bonus_enabled=False, model=SimpleNamespace(training=True),
        _metrics=defaultdict(lambda: defaultdict(list)),
        args=SimpleNamespace(use_bias_correction_kl=task["weigh"], delta=None, steps_per_generation=1),
        _get_per_token_logps_and_entropies=lambda *a, **k: (logp, torch.zeros_like(mask), None),
    )
    inputs = {
        "prompt_ids": mask[:, :0].long(), "prompt_mask": mask[:, :0], "completion_ids": mask.long(),
        "completion_mask": mask, "advantages": torch.stack([torch.as_tensor(a)[0] for a in advantages]).to(logp.dtype),
        "old_per_token_logps": old, "old_logps": (old * mask).sum(1), "ref_per_token_logps": ref,
        "importance_sampling_ratio": padded([s["trust"] for s in samples]), "num_items_in_batch": mask.sum(),
    }
    trainer_class = RLOOTrainer if task["loss"] == "rloo" else GRPOTrainer
    return trainer_class._compute_loss(trainer, None, inputs)


def loss_of(samples, advantages, task):
    return float(compute(samples, advantages, task))
