"""Snakemake's logger plugin `semalign`: hands Snakemake's messages to `semalign.runtime.terminal`.

Snakemake finds a logger by the name of its package. With `--verbose`, `--printshellcmds` or `--debug-dag` Snakemake's
own messages are shown instead, as they are.
"""

import logging
import sys

from snakemake_interface_logger_plugins.base import LogHandlerBase

from semalign.config.extending import read_yaml
from semalign.config.reading import check_values
from semalign.runtime.causes import explain
from semalign.runtime.errors import Problems, UserError
from semalign.runtime.interrupts import end_quietly
from semalign.runtime.launch import check_limits, check_start, check_writable, config_files_read, place_cache
from semalign.runtime.snakemake_internals import STATE, arguments
from semalign.runtime.terminal import Display, Ticker


def check_before_start() -> None:
    """End with one line per mistake in the command line or in config files that Snakemake could not read."""
    started = arguments()
    if started is None:
        return
    problems = Problems()
    try:
        check_limits()
        check_start(started)
        check_writable(STATE)  # Snakemake writes there even if it only looks
        place_cache()
        with problems.collect():
            check_values(started.config or ())
        for path in config_files_read(started):
            with problems.collect():
                read_yaml(path)
        problems.check()
    except UserError as error:
        sys.exit(error.report())
    except OSError as error:
        if line := explain(error):
            sys.exit(f"error: {line}")
        raise


class LogHandler(LogHandlerBase):
    """Shows a run's progress on standard error, a dry run's plan on standard output."""

    writes_to_stream = True
    writes_to_file = False
    needs_rulegraph = False

    @property
    def is_plain(self) -> bool:
        """Whether Snakemake's own messages are asked for."""
        common = self.common_settings
        return bool(common.verbose or common.printshellcmds or common.debug_dag)

    @property
    def has_filter(self) -> bool:
        return not self.is_plain

    @property
    def has_formatter(self) -> bool:
        return not self.is_plain

    def __post_init__(self) -> None:
        end_quietly()
        check_before_start()
        common = self.common_settings
        quiet = {each.name for each in common.quiet or ()}
        self.display = Display(
            sys.stdout if common.stdout else sys.stderr,
            dry=common.dryrun,
            quiet=bool(quiet & {"ALL", "PROGRESS", "RULES"}),
            color=not common.nocolor,
        )
        self.ticker = Ticker(self.display, self.lock)
        self.ticker.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self.is_plain:
                print(self.format(record), file=self.display.stream, flush=True)
            else:
                self.display.show(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        self.ticker.stopped.set()
        self.acquire()
        try:
            self.display.close()
        finally:
            self.release()
        super().close()
