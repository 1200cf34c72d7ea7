"""A process that has loaded TensorFlow, computes nothing, and forks a child for every command that a test runs.

Loading TensorFlow takes longer than a tiny run; a child starts with it loaded, so a test can afford many kills. Each
line of standard input is a job; each line of standard output reports how it ended.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tensorflow as tf

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 300
# Loaded once for all runs.
USED_BY_RUNS = (
    "eoinas_tf.search.search_loop", "eoinas_tf.evaluation.evaluation_loop", "eoinas_tf.experiment.search_plots",
    "eoinas_tf.experiment.confusion_plots", "eoinas_tf.experiment.report.report_page",
)  # fmt: skip
COMMANDS = {"run_search": "eoinas_tf.commands.search", "run_eval": "eoinas_tf.commands.evaluation"}


class Zygote:
    """Runs commands of the project in forked children of a process that has TensorFlow loaded."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, command, *flags, fault=None, stop_after=None, stop_signal=signal.SIGTERM):
        """Runs a command to its end.

        Args:
            command: One of `COMMANDS`.
            *flags: Its flags.
            fault: Where it is to die, as EOINAS_FAULT takes it.
            stop_after: Seconds from its start after which it is sent a signal.
            stop_signal: Which.

        Returns:
            (exit status, negative for a signal; what it wrote; seconds from its start to its end).
        """
        job = {
            "command": command,
            "flags": list(flags),
            "environment": {"EOINAS_FAULT": fault or ""},
            "stop_after": stop_after,
            "stop_signal": stop_signal,
        }
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["status"], answer["output"], answer["seconds"]

    def close(self):
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()


def spare_what_other_tests_do():
    """Draws empty pictures, and checks exports without starting TensorFlow once more."""
    from empty_pictures import empty_picture

    from eoinas_tf.experiment import export_check, figure_files
    from eoinas_tf.experiment.exported_predictions import export_outputs

    figure_files._saved = empty_picture
    export_check.run_export = export_outputs


def become_command(job, output):
    """Does what the command's script does, in a child with TensorFlow already loaded, and ends the process."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(job["environment"])
    # Tracing would take most of the time of runs this short; what is saved and resumed is the same.
    tf.config.run_functions_eagerly(True)
    command = importlib.import_module(COMMANDS[job["command"]])
    sys.argv = [job["command"], *job["flags"]]
    status = 70  # No command of ours ends with this: it means an uncaught exception.
    try:
        command.main()
        status = 0
    except SystemExit as error:
        status = error.code or 0
    finally:
        if status == 70:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def watch(child, stop_after, stop_signal):
    """Waits for a child, to which a signal is sent after some seconds; returns its exit status and its seconds."""
    started, is_stopped = time.monotonic(), stop_after is None
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        seconds = time.monotonic() - started
        if pid:
            return os.waitstatus_to_exitcode(status), seconds
        if not is_stopped and seconds >= stop_after:
            os.kill(child, stop_signal)
            is_stopped = True
        if seconds > PATIENCE_SECONDS:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.01)


def main():
    """Serves jobs until there are no more."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    for module in (*USED_BY_RUNS, *COMMANDS.values()):
        importlib.import_module(module)
    spare_what_other_tests_do()

    with tempfile.TemporaryDirectory() as folder:
        output_path = Path(folder) / "output"
        for line in sys.stdin:
            job = json.loads(line)
            output = os.open(output_path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
            child = os.fork()
            if child == 0:
                become_command(job, output)
            os.close(output)
            status, seconds = watch(child, job["stop_after"], job["stop_signal"])
            answer = {"status": status, "output": output_path.read_text(), "seconds": seconds}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
