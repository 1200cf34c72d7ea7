"""A run folder's report on a finished network's test: its confusions in tables and pictures."""

from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.evaluation.class_measures import ClassMeasures, class_measures
from eoinas_tf.evaluation.confusions import class_accuracy_table, confusion_matrix, worst_confusions
from eoinas_tf.evaluation.predictions import Predictions
from eoinas_tf.experiment.atomic_files import write_text
from eoinas_tf.experiment.confusion_plots import PicturedConfusion, draw_confusion_matrix, draw_confusions
from eoinas_tf.experiment.figure_files import write_figures
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.experiment.tensorboard_logging import TensorBoardLogger, table_cell

# A separate run in TensorBoard, so that a new report replaces the previous one.
TENSORBOARD_RUN = "test_report"
PAIRS_PICTURED = 10
IMAGES_A_PAIR = 6


def write_prediction_report(
    run: RunDirectory, dataset: ImageDataset, predictions: Predictions, epoch: int
) -> ClassMeasures:
    """Writes class_accuracy.csv and the pictures, the latter to TensorBoard too; an earlier report is replaced.

    Args:
        run: The open run folder.
        dataset: The data set whose test images were classified.
        predictions: Their predictions.
        epoch: The last finished epoch, TensorBoard's step.

    Returns:
        The measures by class, as written to TensorBoard.

    Raises:
        StorageError: A file could not be written.
    """
    measures = class_measures(predictions, dataset.class_names)
    matrix = confusion_matrix(predictions)
    write_text(run.class_accuracy, class_accuracy_table(matrix, dataset.class_names))
    confusions = [
        PicturedConfusion(
            true_class=dataset.class_names[confusion.true_class],
            predicted_class=dataset.class_names[confusion.predicted_class],
            times=confusion.times,
            class_images=confusion.class_images,
            images=dataset.test.read(confusion.positions),
            probabilities=predictions.probabilities[list(confusion.positions)],
        )
        for confusion in worst_confusions(predictions, PAIRS_PICTURED, IMAGES_A_PAIR)
    ]
    figures = {
        "confusion_matrix": draw_confusion_matrix(matrix, dataset.class_names),
        "worst_confusions": draw_confusions(confusions, IMAGES_A_PAIR),
    }
    write_figures(run.plots, figures)
    logger = TensorBoardLogger(run.tensorboard / TENSORBOARD_RUN, run.config.tensorboard)
    for name, figure in figures.items():
        logger.image(epoch, f"result/{name}", figure)
    logger.scalars(
        epoch,
        {
            "result/test_top_5_accuracy": predictions.top_5_accuracy,
            "result/test_balanced_accuracy": measures.balanced_accuracy,
            "result/test_macro_f1": measures.macro_f1,
        },
    )
    logger.text(epoch, "result/recall_by_class", recall_table(measures))
    logger.close()
    return measures


def recall_table(measures: ClassMeasures) -> str:
    """Returns the recall of each class as a Markdown table, with `-` for a class without test images.

    Args:
        measures: The measures of a test.
    """
    rows = (
        f"| {table_cell(name)} | {'-' if recall is None else f'{100 * recall:.2f} %'} |"
        for name, recall in measures.recall.items()
    )
    return "\n".join(["| class | recall |", "| --- | --- |", *rows])
