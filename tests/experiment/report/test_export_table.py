from small_runs import write_search, write_training

from eoinas_tf.experiment.report.export_table import export_table
from eoinas_tf.experiment.report.report_page import report_page
from eoinas_tf.experiment.report.run_record import read_run


def test_a_row_an_export_with_accuracy_size_and_time(tmp_path):
    record = read_run(write_training(tmp_path))
    assert export_table(record) == [
        {
            "format": "saved_model", "accuracy": "75.00 %", "difference": "+0.00", "images": "8",
            "size": "901,007 bytes", "latency": "9.15 ms, 1 thread",
        },
        {
            "format": "tflite_int8", "accuracy": "62.50 %", "difference": "-12.50", "images": "8",
            "size": "901,007 bytes", "latency": "0.139 ms, 2 threads",
        },
    ]  # fmt: skip
    page = report_page(record)
    assert "<h2>Exports</h2>" in page
    assert "0.139 ms, 2 threads" in page


def test_a_search_and_a_run_of_an_earlier_version_have_none(tmp_path):
    assert export_table(read_run(write_search(tmp_path / "search"))) == []
    folder = write_training(tmp_path / "training")
    (folder / "exports.json").unlink()
    assert "<h2>Exports</h2>" not in report_page(read_run(folder))
