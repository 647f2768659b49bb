"""Supervised fine-tuning of a LoRA adapter with TRL: examples in, adapter files out. Imports torch, peft and trl."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import inference.backends  # noqa: F401 - sets how OpenMP waits, before torch is imported  # isort: skip
import torch
from datasets import Dataset
from django.utils.translation import gettext as _
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, prepare_model_for_kbit_training
from peft.helpers import disable_input_dtype_casting
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import Sampler
from transformers import PrinterCallback, TrainerCallback
from transformers.trainer_pt_utils import get_length_grouped_indices
from trl import SFTConfig, SFTTrainer

from inference.adapter_config import CONFIG
from inference.adapter_weights import WEIGHTS
from inference.backends.model_loading import choose_device, choose_dtype, load_model, load_tokenizer, physical_cores
from inference.backends.prompting import prompt_ids
from inference.checkpoints import newest_whole, seal
from inference.exceptions import TrainingFailed, TrainingStopped
from inference.machine import this_machine
from inference.model_sizes import ModelShape, Precision
from inference.training_data import Example
from inference.training_needs import Load, Needs, needs, require_room
from inference.training_profile import TrainingProfile
from inference.training_watch import Progress, Watch, thinned

IGNORED = -100
PADDED_TO = 64  # tokens: a processor keeps kernels for each length it met, 30 MB a step and more (2.7 GB stay 2.7)
_NOT_WRITTEN = (OSError, RuntimeError, SafetensorError)  # how each library says that the disk is full

Row = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Fit:
    """What a training did, taken up again or not. `tokens` counts prompts and answers, all epochs."""

    examples: int
    too_long: int
    steps: int
    loss: float
    seconds: float
    tokens: int
    curve: list[tuple[int, float, float]]
    machine: str
    libraries: dict[str, str]


def fit(
    examples: Sequence[Example], base: Path, folder: Path, profile: TrainingProfile, watch: Watch, checkpoints: Path
) -> Fit:
    """Train on `examples` and write `adapter_config.json` and bf16 `adapter_model.safetensors` into `folder`.

    Goes on from the newest whole checkpoint in `checkpoints`. Raises `TrainingStopped`, after one more checkpoint,
    `TrainingRefused` where the machine has too little room, or `TrainingFailed`.
    """
    tokenizer = load_tokenizer(base)
    rows = [as_row(tokenizer, example) for example in examples]
    fitting = [row for row in rows if len(row["input_ids"]) <= profile.max_length]
    if not fitting:
        raise TrainingFailed(
            _("All examples are longer than %(tokens)d tokens, so none can be learned.")
            % {"tokens": profile.max_length}
        )
    _require_room(fitting, base, checkpoints, profile)
    model = _with_fresh_lora(base, profile)
    watcher = _Watcher(watch, profile)
    trainer = _AnswerTrainer(
        watcher,
        model=model,
        args=_arguments(profile, checkpoints),
        train_dataset=Dataset.from_list(fitting),
        processing_class=tokenizer,
        callbacks=[watcher],
    )
    trainer.remove_callback(PrinterCallback)  # it prints to stdout, where a command's JSON belongs
    _train(trainer, watcher, checkpoints)
    _save(model, base, folder)
    end = watcher.progress
    return Fit(
        examples=len(fitting),
        too_long=len(rows) - len(fitting),
        steps=end.step,
        loss=end.loss,
        seconds=end.seconds,
        tokens=end.tokens,
        curve=thinned(end.losses),
        machine=this_machine().name or choose_device(),
        libraries={name: version(name) for name in ("torch", "transformers", "peft", "trl")},
    )


def _require_room(rows: Sequence[Row], base: Path, checkpoints: Path, profile: TrainingProfile) -> None:
    if needed := room_needed(rows, base, profile):
        free_disk, free_memory = shutil.disk_usage(checkpoints).free, this_machine().free_bytes
        require_room(needed, free_memory=free_memory, free_disk=free_disk, folder=str(checkpoints))


def room_needed(rows: Sequence[Row], base: Path, profile: TrainingProfile) -> Needs | None:
    """What a training on `rows`, all of them short enough, should take; None of a base that is no usual decoder."""
    try:
        shape = ModelShape.from_config(json.loads((base / "config.json").read_text()))
    except (OSError, ValueError):
        return None
    longest = sorted((len(row["input_ids"]) for row in rows), reverse=True)[: profile.batch_size]
    answers = sorted((sum(row["completion_mask"]) for row in rows), reverse=True)[: profile.batch_size]
    padded = -(-longest[0] // PADDED_TO) * PADDED_TO
    load = Load(tokens=padded * len(longest), answer_tokens=answers[0] * len(answers))
    return needs(shape, profile, Precision.NF4 if profile.four_bit else this_machine().precision, load)


def _train(trainer: _AnswerTrainer, watcher: _Watcher, checkpoints: Path) -> None:
    """Run to the end, from the newest whole checkpoint on."""
    earlier = newest_whole(checkpoints)
    if earlier:
        watcher.losses, watcher.tokens = earlier.losses, earlier.tokens
    # Under autocast each product casts for itself; without this, inputs would be copied to 32 bits and back.
    casting = disable_input_dtype_casting(trainer.model) if trainer.args.bf16 else nullcontext()
    try:
        with casting:
            trainer.train(resume_from_checkpoint=str(earlier.folder) if earlier else None)
    except torch.OutOfMemoryError as exc:
        raise TrainingFailed(_("The training does not fit into the memory of the GPU; a smaller batch may.")) from exc
    if trainer.state.global_step < trainer.state.max_steps:
        raise TrainingStopped


def as_row(tokenizer: Any, example: Example) -> Row:
    """The very tokens the engine would see, then the answer; the mask marks what the loss counts."""
    prompt = prompt_ids(tokenizer, example.prompt)
    answer = [*tokenizer(example.completion, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    return {"input_ids": [*prompt, *answer], "completion_mask": [0] * len(prompt) + [1] * len(answer)}


def _with_fresh_lora(base: Path, profile: TrainingProfile) -> Any:
    torch.manual_seed(profile.seed)
    config = LoraConfig(r=profile.rank, lora_alpha=2 * profile.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = load_model(base, four_bit=profile.four_bit)
    if profile.four_bit:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=profile.gradient_checkpointing)
    return get_peft_model(model, config)


def _arguments(profile: TrainingProfile, checkpoints: Path) -> SFTConfig:
    device = choose_device()
    return SFTConfig(
        output_dir=str(checkpoints),
        num_train_epochs=profile.epochs,
        learning_rate=profile.lr,
        lr_scheduler_type="cosine",
        warmup_steps=10,
        per_device_train_batch_size=profile.batch_size,
        pad_to_multiple_of=PADDED_TO,
        max_length=None,  # too long ones were counted and left out already; TRL would cut them without a word
        completion_only_loss=True,
        gradient_checkpointing=profile.gradient_checkpointing,
        optim=profile.optimizer,
        bf16=choose_dtype(device) is torch.bfloat16,
        use_cpu=device == "cpu",
        save_strategy="no",  # by the clock: `_Watcher` asks for them
        save_total_limit=2,
        report_to=[],
        logging_strategy="no",
        disable_tqdm=True,
        seed=profile.seed,
    )


class _ByLength(Sampler):  # type: ignore[misc]  # torch's types are not followed
    """Examples of like length side by side, in an order that depends on seed and epoch alone.

    The library's own draws from the global generator, whose state a second start would have to repeat.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int, epoch: Callable[[], int]) -> None:
        self._lengths, self._batch_size, self._seed, self._epoch = lengths, batch_size, seed, epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        chance = torch.Generator().manual_seed(self._seed * 1_000_003 + self._epoch())
        return iter(get_length_grouped_indices(self._lengths, self._batch_size, generator=chance))


class _AnswerTrainer(SFTTrainer):  # type: ignore[misc]  # trl has no types
    """Computes logits where an answer token is predicted and nowhere else: 330 tokens/s instead of 225 (measured)."""

    def __init__(self, watcher: _Watcher, **options: Any) -> None:
        super().__init__(**options)
        self._watcher = watcher

    def _get_train_sampler(self, train_dataset: Any = None) -> _ByLength:
        lengths = [len(row) for row in self.train_dataset["input_ids"]]
        batches = -(-len(lengths) // self.args.per_device_train_batch_size)
        return _ByLength(
            lengths,
            self.args.per_device_train_batch_size,
            self.args.seed,
            lambda: self.state.global_step // batches,
        )

    def compute_loss(
        self, model: Any, inputs: dict[str, Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """No mask is given: examples are padded on the right, where causal attention sees nothing of it."""
        labels = inputs["labels"][:, 1:]
        places = (labels != IGNORED).any(dim=0).nonzero().squeeze(-1)
        output = model(input_ids=inputs["input_ids"], use_cache=False, logits_to_keep=places)
        wanted = labels[:, places]
        loss = cross_entropy(output.logits.float().flatten(0, 1), wanted.flatten(), ignore_index=IGNORED)
        return (loss, output) if return_outputs else loss

    def training_step(self, model: Any, inputs: dict[str, Tensor], *args: Any, **options: Any) -> Tensor:
        tokens = int(inputs["attention_mask"].sum())
        loss: Tensor = super().training_step(model, inputs, *args, **options)
        if not torch.isfinite(loss):
            raise TrainingFailed(_("The training diverged; try a lower learning rate."))
        self._watcher.count(float(loss), tokens)
        return loss

    def _save_checkpoint(self, *args: Any, **options: Any) -> None:
        try:
            super()._save_checkpoint(*args, **options)
            newest = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            seal(newest, losses=self._watcher.losses, tokens=self._watcher.tokens)
        except _NOT_WRITTEN as exc:
            raise TrainingFailed(_("A checkpoint could not be written: %(error)s") % {"error": exc}) from exc


class _Watcher(TrainerCallback):  # type: ignore[misc]  # transformers' types are not followed
    """Counts, tells, asks for checkpoints by the clock, and stops when it is asked to."""

    def __init__(self, watch: Watch, profile: TrainingProfile) -> None:
        self._watch, self._checkpoint_s = watch, profile.checkpoint_s
        self.losses: list[tuple[int, float, float]] = []
        self.tokens = 0
        self._steps = 0
        self._on_processor = choose_device() == "cpu"

    @property
    def progress(self) -> Progress:
        step, _loss, seconds = self.losses[-1]
        return Progress(step, self._steps, self.losses, self.tokens, seconds)

    def count(self, loss: float, tokens: int) -> None:
        seconds = self._before_s + time.monotonic() - self._began
        self.losses.append((len(self.losses) + 1, loss, seconds))
        self.tokens += tokens

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self._steps = state.max_steps
        self._before_s = self.losses[-1][2] if self.losses else 0.0
        self._began = self._saved = time.monotonic()

    def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        if self._on_processor:
            torch.set_num_threads(1 if self._watch.is_chat_busy() else physical_cores())

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self._watch.tell(self.progress)
        stopping = self._watch.wants_stop() and state.global_step < state.max_steps
        if stopping or time.monotonic() - self._saved > self._checkpoint_s:
            control.should_save = True
            self._saved = time.monotonic()
        if stopping:
            control.should_training_stop = True


def _save(model: Any, base: Path, folder: Path) -> None:
    """bf16: half the size, and what the base computes in."""
    config = model.peft_config["default"]
    config.base_model_name_or_path = base.name  # never a path of this machine
    config.inference_mode = True
    config.target_modules = sorted(config.target_modules)  # a set: the same training would give other bytes each time
    config.save_pretrained(folder)
    weights = {name: value.to(torch.bfloat16).contiguous() for name, value in get_peft_model_state_dict(model).items()}
    if not all(torch.isfinite(value).all() for value in weights.values()):
        raise TrainingFailed(_("The training diverged; try a lower learning rate."))
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    for name in (CONFIG, WEIGHTS):
        (folder / name).chmod(0o644)
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())
