"""Train the descriptor model. Writes weights, the exported model, and the hashes of the training pictures.

python -m training --photos DIR --out run
python -m training --photos DIR --photos DIR2 --start indexer/models/descriptor.int8.onnx --minutes 50 --out run
"""

import argparse
import copy
import json
import math
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.batches import BatchPicker
from training.check import measure_recall
from training.data import Collection, load_collection
from training.export import export_onnx, export_quantised
from training.loss import Labels, RelativeAdam, compute_cell_loss, compute_loss, concatenate, have_common_work
from training.model import Descriptor, FrozenModules, load_weights, to_input
from training.views import Recipe, ViewBatch, ViewFactory, ViewJob

SIDE_SCHEDULE = ((0.0, 160), (0.6, 192), (0.8, 224))
"""Fraction of the run from which each input side (in pixels) applies. The last side is that of production."""
WARM_UP_STEPS = 30


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Duration and size of a training run.

    Attributes:
        steps: Maximum number; the learning rate falls to zero over them.
        minutes: Maximum duration; the learning rate falls to zero over it, if it ends first.
        works: Works in a batch.
        views: Strong views of each work.
        frozen: Number of leading modules of the trunk that are not trained.
        rate: Relative step of the convolutions; the projection uses twice as much.
        average: Fraction of the old weights in the moving average.
        bank: Number of vectors of earlier works that are also searched.
        composed: Fraction of the strong views that are random compositions.
        places: Weight of the loss of matching cells of these; 0 disables it.
        seed: Seed of all random choices.
    """

    steps: int
    minutes: float
    works: int
    views: int
    frozen: int
    rate: float
    average: float
    bank: int
    composed: float
    places: float
    seed: int


def main(arguments: list[str] | None = None) -> None:
    """Train, export, and print the results."""
    options = _build_parser().parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    plan = TrainingPlan(
        options.steps, options.minutes, options.works, options.views, options.frozen, options.rate, options.average,
        options.bank, options.composed, options.places, options.seed,
    )  # fmt: skip
    torch.manual_seed(plan.seed)
    torch.set_num_threads(options.threads)
    log = ProgressLog(options.out / "log.txt")
    collection = load_collection(options.photos, options.held_out, options.most_held_out, plan.seed)
    hashes = sorted({f"{collection.pictures[index].phash:016x}" for index in collection.training})
    (options.out / "training.txt").write_text("\n".join(hashes) + "\n")
    log.write_line(f"{len(collection.training)} pictures to train on, {len(collection.held_out)} held out")
    model = Descriptor()
    load_weights(model, options.start)
    trained = TrainingRun(collection, model, plan, options.workers, log).train()
    torch.save(trained.state_dict(), options.out / "weights.pt")
    export_onnx(trained, options.out / "descriptor.onnx")
    sample = create_calibration_sample(collection, plan)
    export_quantised(options.out / "descriptor.onnx", options.out / "descriptor.int8.onnx", sample)
    log.write_line("exported")


class ProgressLog:
    """Writes lines with seconds since the start to standard output and to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.started_at = time.monotonic()

    @property
    def elapsed_minutes(self) -> float:
        """Minutes since the start."""
        return (time.monotonic() - self.started_at) / 60

    def write_line(self, line: str) -> None:
        """Write a line."""
        line = f"{self.elapsed_minutes * 60:6.0f} s  {line}"
        with self._path.open("a") as file:
            file.write(line + "\n")
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class TrainingRun:
    """One training run.

    Args:
        collection: The pictures.
        model: Initial model.
        plan: Duration and size.
        workers: Number of processes that create views; 0 creates them in this process, between the steps.
        log: Log of the progress.
    """

    def __init__(
        self, collection: Collection, model: Descriptor, plan: TrainingPlan, workers: int, log: ProgressLog
    ) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._collection, self._plan, self._log = collection, plan, log
        self._studio = ViewFactory(collection.pixels, collection.training, Recipe(composition=plan.composed))
        self._works = torch.from_numpy(np.append(collection.works, -1)).to(self._device)
        self._model = model.to(self._device, memory_format=torch.channels_last)
        self._average: Descriptor = copy.deepcopy(self._model)
        for weights in self._model.trunk[: plan.frozen].parameters():
            weights.requires_grad = False
        self._frozen = FrozenModules(self._model.trunk[: plan.frozen], self._device)
        rest = [*self._model.trunk[plan.frozen :].parameters(), self._model.power]
        self._cell_head = copy.deepcopy(self._model.head)  # Projects cells of the last map; used only in training.
        heads = [*self._model.head.parameters(), *self._cell_head.parameters()]
        self._rates = (plan.rate, 2 * plan.rate)
        self._optimiser = RelativeAdam([{"params": rest}, {"params": heads}])
        self._bank = torch.zeros(0, model.head.out_features, device=self._device)
        self._bank_labels: Labels | None = None
        self._picker = BatchPicker(collection, plan.works, plan.seed, model.head.out_features)
        self._pool = ProcessPoolExecutor(workers, get_context("fork")) if workers else None

    def train(self) -> Descriptor:
        """Train until the plan is complete. Returns the model with the moving average of the weights."""
        self._log_recall("start")
        averages, started = np.zeros(4), time.monotonic()
        jobs = self._start_views(0)
        for step in range(self._plan.steps):
            progress = self._compute_progress(step)
            if progress >= 1:
                break
            results = list(_iterate_results(jobs))
            jobs = self._start_views(step + 1) if self._pool else []
            values = self._run_step(results, self._compute_rate(step, progress))
            jobs = jobs or self._start_views(step + 1)
            averages = averages * 0.95 + values * 0.05 if step else values
            if step % 25 == 24:
                seconds, started = (time.monotonic() - started) / 25, time.monotonic()
                self._log.write_line(
                    f"step {step + 1} {results[0].pixels.shape[1]} px search {averages[0]:.3f} entropy "
                    f"{averages[1]:.3f} "
                    f"found {averages[2]:.3f} places {averages[3]:.3f} power {self._model.power.item():.2f} "
                    f"{seconds:.1f} s a step"
                )
            if step % 200 == 199:
                self._log_recall(f"step {step + 1}")
        self._log_recall("end")
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        self._average.to("cpu").eval()
        return self._average

    def _compute_progress(self, step: int) -> float:
        return max(step / self._plan.steps, self._log.elapsed_minutes / self._plan.minutes)

    def _compute_rate(self, step: int, progress: float) -> float:
        return max(0.01, 0.5 * (1 + math.cos(math.pi * progress))) * min(1, (step + 1) / WARM_UP_STEPS)

    def _start_views(self, step: int) -> "list[ViewBatch] | list[Future[ViewBatch]]":
        """Start creating the views of a step."""
        side = [side for fraction, side in SIDE_SCHEDULE if self._compute_progress(step) >= fraction][-1]
        pictures = self._picker.pick_batch()
        jobs = [
            ViewJob(picture, tuple(pictures), self._plan.views, side, self._plan.seed * 1_000_003 + step)
            for picture in pictures
        ]
        if self._pool is None:
            return [self._studio.create_views(job) for job in jobs]
        return [self._pool.submit(self._studio.create_views, job) for job in jobs]

    def _build_labels(self, results: list[ViewBatch]) -> Labels:
        copied = self._works[
            torch.from_numpy(np.concatenate([result.copied_pictures for result in results])).to(self._device)
        ]
        background = self._works[
            torch.from_numpy(np.concatenate([result.background_pictures for result in results])).to(self._device)
        ]
        return Labels(copied, torch.cat([copied, background], 1))

    def _run_step(self, results: list[ViewBatch], rate_factor: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        labels = self._build_labels(results)
        maps = self._frozen(to_input(np.concatenate([result.pixels for result in results])).to(self._device))
        is_mild = torch.arange(len(labels), device=self._device) % (1 + self._plan.views) == 0
        last_maps = torch.cat(list(self._run_trained_modules(self._model, maps)))
        vectors = self._model.embed(last_maps)
        with torch.no_grad():
            keys = torch.cat(
                [self._average.embed(part) for part in self._run_trained_modules(self._average, maps[is_mild])]
            )
        works = labels.select_views(is_mild)
        self._bank_labels = works if self._bank_labels is None else concatenate(works, self._bank_labels)
        self._bank = torch.cat([keys, self._bank])
        loss = compute_loss(vectors, labels, is_mild, self._bank, self._bank_labels)
        cell_loss = self._compute_cell_loss(last_maps, results, labels) if self._plan.places else torch.zeros(())
        self._update_weights(loss.total_loss + self._plan.places * cell_loss, rate_factor)
        self._bank, self._bank_labels = (
            self._bank[: self._plan.bank],
            self._bank_labels.select_views(slice(self._plan.bank)),
        )
        self._picker.store_vectors([int(result.copied_pictures[0, 0]) for result in results], keys.cpu().numpy())
        return np.array([loss.search_loss, loss.entropy_loss, loss.recall, float(cell_loss.detach())])

    def _compute_cell_loss(self, last_maps: Tensor, results: list[ViewBatch], labels: Labels) -> Tensor:
        """Compute the loss of matching cells of the last map with cells of the work."""
        overlaps = torch.from_numpy(np.concatenate([result.overlaps for result in results])).to(self._device)
        rows = torch.arange(len(labels), device=self._device)
        work_indices = rows.div(1 + self._plan.views, rounding_mode="floor")
        is_mild = work_indices * (1 + self._plan.views) == rows
        is_known = ~is_mild & overlaps.any((1, 2))
        cells, works = (
            functional.normalize(self._cell_head(last_maps[part].flatten(2).mT), dim=2) for part in (is_known, is_mild)
        )
        is_absent = ~have_common_work(labels.select_views(is_known).visible, labels.select_views(is_mild).visible)
        return compute_cell_loss(cells, works, overlaps[is_known], work_indices[is_known], is_absent)

    def _run_trained_modules(self, model: Descriptor, maps: Tensor) -> Iterator[Tensor]:
        """Run the trained modules of the trunk on maps; on a CPU in small batches, because its cache is small."""
        batch_size = 24 if self._device.type == "cpu" else len(maps)
        with torch.autocast("cuda", torch.bfloat16, enabled=self._device.type == "cuda"):
            for start in range(0, len(maps), batch_size):
                part = maps[start : start + batch_size].contiguous(memory_format=torch.channels_last)
                yield model.trunk[self._plan.frozen :](part).float()

    def _update_weights(self, total: Tensor, rate_factor: float) -> None:
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * rate_factor
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        weights = [weight for group in self._optimiser.param_groups for weight in group["params"]]
        torch.nn.utils.clip_grad_norm_(weights, 5.0)
        self._optimiser.step()
        with torch.no_grad():
            for average, weight_new in zip(self._average.parameters(), self._model.parameters(), strict=True):
                if weight_new.requires_grad:
                    average.lerp_(weight_new, 1 - self._plan.average)

    def _log_recall(self, name: str) -> None:
        scores = measure_recall(self._average, self._studio, self._collection, self._device)
        self._log.write_line(f"{name}: {json.dumps(scores)}")


def create_calibration_sample(
    collection: Collection, plan: TrainingPlan
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """Return views of training pictures, with which the value ranges of the quantised model are measured."""
    rng = np.random.default_rng(plan.seed)
    studio = ViewFactory(collection.pixels, collection.training, Recipe(composition=plan.composed))
    indices = rng.choice(collection.training, 128)
    return np.concatenate([studio.create_views(ViewJob(int(index), (), 1, 224, plan.seed)).pixels for index in indices])


def _iterate_results(jobs: "list[ViewBatch] | list[Future[ViewBatch]]") -> Iterator[ViewBatch]:
    for job in jobs:
        yield job.result() if isinstance(job, Future) else job


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    models = Path(__file__).parent.parent / "indexer" / "models"
    add = parser.add_argument
    add("--photos", type=Path, required=True, action="append", help="a folder of pictures; several may be given")
    add("--out", type=Path, required=True, help="folder for the results")
    add("--start", type=Path, default=models / "descriptor.int8.onnx", help="exported descriptor to start from")
    add("--held-out", action="append", default=[], help="part of the name of a source that is never trained on")
    add("--most-held-out", type=int, default=150, help="pictures of those that are looked at")
    add("--steps", type=int, default=700)
    add("--minutes", type=float, default=1e9, help="the run is shortened to end after so many")
    add("--works", type=int, default=48, help="works in a batch; 192 or more on a GPU")
    add("--views", type=int, default=3, help="strong views of each work")
    add("--frozen", type=int, default=9, help="leading modules that stay as they are; 0 on a GPU")
    add("--rate", type=float, default=5e-4, help="relative step")
    add("--average", type=float, default=0.99, help="share of the old weights in the moving average")
    add("--bank", type=int, default=2048, help="vectors of earlier works that are searched too")
    add("--composed", type=float, default=0.35, help="share of the strong views that are random compositions")
    add("--places", type=float, default=0.5, help="weight of the loss on the places that those show")
    add("--threads", type=int, default=1)
    add("--workers", type=int, default=0, help="processes that make views")
    add("--seed", type=int, default=0)
    return parser
