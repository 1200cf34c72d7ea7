"""Folders of finished runs that never ran: small ones with everything that a page reads."""

import json

from eoinas_tf.config import EvaluationConfig, SearchConfig

OPERATIONS = ["none", "skip_connect", "sep_conv_3x3"]
EDGES = [(from_node, to_node) for to_node in range(2, 6) for from_node in range(to_node)]
HOSTILE = "<script>alert('x')</script>&\"cat\""
PAIRS = [["skip_connect", 0], ["sep_conv_3x3", 1]] * 4
GENOTYPE = {
    "format": "eoinas-genotype/1", "normal": PAIRS, "normal_concat": [2, 3, 4, 5], "reduce": PAIRS,
    "reduce_concat": [2, 3, 4, 5], "source": HOSTILE,
}  # fmt: skip


def write(folder, config, **files):
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"kind": type(config).__name__, **json.loads(config.to_json())}
    for name, content in {"config": settings, **files}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def scores(*row):
    return {cell: [list(row)] * len(EDGES) for cell in ("normal", "reduce")}


def write_search(folder, method="eoinas", drops=True, score="importance", **settings):
    """Writes a finished search: one edge, 0-2 of the normal cell, loses its identity after epoch 8."""
    config = SearchConfig(run_dir=str(folder), dataset="digits", method=method, epochs=8, batch_size=32, **settings)
    last = scores(0.5, None if drops else 0.1, 0.625)
    write(
        folder, config, genotype=GENOTYPE,
        summary={"validation_accuracy": 0.625, "dropped_operations": int(drops), "warnings": [HOSTILE]},
        final_evidence={
            "score": score, "labels": {score: "the score S"}, "edges": [f"{a}-{b}" for a, b in EDGES],
            "operations": OPERATIONS, score: last,
        },
        environment={"python": "3.11", "cpu": HOSTILE},
        dataset={
            "class_names": ["ant", HOSTILE], "source": {},
            "parts": {"train": {"images": 30, "images_by_class": [10, 20]}},
        },
    )  # fmt: skip
    write_lines(
        folder / "metrics.jsonl",
        [
            {
                "epoch": epoch, "weights_loss": 1 / epoch, "weights_accuracy": 0.1 * epoch,
                "architecture_loss": None, "architecture_accuracy": 0.05 * epoch, "learning_rate": 0.1,
                "operations": OPERATIONS, score: scores(0.25, 0.125, 0.5),
            }
            for epoch in range(1, 9)
        ],
    )  # fmt: skip
    write_lines(folder / "timing.jsonl", [{"epoch": 1, "seconds": 61.0, "images_per_second": 9.0}])
    if drops:
        drop = {
            "epoch": 8, "cell": "normal", "edge": 0, "from_node": 0, "to_node": 2, "operation": "skip_connect",
            score: 0.125, "remaining": ["none", "sep_conv_3x3"],
        }  # fmt: skip
        write_lines(folder / "pruning.jsonl", [drop])
    return folder


def write_training(folder, **summary):
    config = EvaluationConfig(run_dir=str(folder), dataset="digits", genotype="DARTS_V2", epochs=2)
    write(
        folder, config, genotype=GENOTYPE,
        summary={
            "test_accuracy": 0.75, "test_top_5_accuracy": 1.0, "test_loss": 0.5, "parameters": 129706,
            "multiply_adds": 6352384, "finished": True, "saved_model": "saved_model", **summary,
        },
    )  # fmt: skip
    write_lines(
        folder / "metrics.jsonl",
        [
            {
                "epoch": epoch, "train_loss": 1.0, "test_loss": 1.0, "train_accuracy": 0.5, "test_accuracy": 0.6,
                "test_top_5_accuracy": 1.0, "learning_rate": 0.1, "drop_path": 0.0,
            }
            for epoch in (1, 2)
        ],
    )  # fmt: skip
    (folder / "class_accuracy.csv").write_text(
        "class,images,correct,accuracy,most_often_taken_for,times\n"
        f'ant,4,4,1.0,,0\nempty,0,0,,,0\n"{HOSTILE.replace(chr(34), chr(34) * 2)}",4,2,0.5,ant,2\n'
    )
    exact = {
        "test_accuracy": 0.75, "test_images": 8, "network_accuracy": 0.75, "size_bytes": 901007,
        "latency_milliseconds": 9.149, "latency_threads": 1,
    }  # fmt: skip
    quantized = {**exact, "test_accuracy": 0.625, "latency_milliseconds": 0.1391, "latency_threads": 2}
    (folder / "exports.json").write_text(json.dumps({"saved_model": exact, "tflite_int8": quantized}))
    plots = folder / "plots"
    plots.mkdir()
    (plots / "confusion_matrix.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    )
    (plots / "worst_confusions.png").write_bytes(b"\x89PNG")
    return folder
