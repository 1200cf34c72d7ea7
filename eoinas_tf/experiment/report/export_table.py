"""The table of a network's exports on a run's page: accuracy, size and latency of each."""

from eoinas_tf.experiment.readable_values import thread_count
from eoinas_tf.experiment.report.report_tables import percent
from eoinas_tf.experiment.report.run_record import RunRecord


def export_table(record: RunRecord) -> list[dict[str, str]]:
    """Returns the exports of a training run, in the order in which they were made.

    Args:
        record: The finished run.

    Returns:
        Rows of texts: `format`, `accuracy` and its `difference` from the network's on the same images in percentage
        points, `images`, `size` and `latency`; none for a run of an earlier version.
    """
    return [
        {
            "format": name,
            "accuracy": percent(figures["test_accuracy"]),
            "difference": f"{100 * (figures['test_accuracy'] - figures['network_accuracy']):+.2f}",
            "images": str(figures["test_images"]),
            "size": f"{figures['size_bytes']:,} bytes",
            "latency": f"{figures['latency_milliseconds']:.3g} ms, {thread_count(figures['latency_threads'])}",
        }
        for name, figures in record.exports.items()
    ]
