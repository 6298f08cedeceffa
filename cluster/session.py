"""Ray, quietly: on this machine, or on the cluster that RAY_ADDRESS names."""

import contextlib
import logging
import math
import os
import re
import secrets
import sys
import time
import warnings
from pathlib import Path

import ray
from ray.data import DataContext

from cluster import ray_internals, spill, stop
from cluster.false_alarm import FalseAlarm
from cluster.placement import require_place
from operators import isolation
from schemas.errors import UserError
from schemas.profile import Profile

ROOT = Path(__file__).parent.parent
SMALL_TASKS = (
    4  # logical CPUs beside the stages' actors: listing, reading, checkpoint filter, repartition, writing
)
_INTERVAL = "RAY_metrics_report_interval_ms"

ROOM = FalseAlarm()


def start(profile: Profile | None = None, log_to_driver: bool = False) -> None:
    """Connect to Ray and set what holds for every dataset made after; if connected already, only the latter."""
    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "OMP_NUM_THREADS": "1",  # stages raise it for themselves; two pools on two cores would otherwise fight
        **isolation.SWITCHES,
        **{
            name: value for name, value in os.environ.items() if name.startswith(("RECAST_LOG", "RECAST_S3_"))
        },
        "RAY_worker_maximum_startup_concurrency": "4",  # Ray warns above a multiple of it
        **({_INTERVAL: os.environ.get(_INTERVAL, "2000")} if _watched() else {}),
        "RAY_prestart_worker_first_driver": "0",  # on two cores, starting idle workers ahead costs three seconds
    }
    if not ray.is_initialized():
        try:
            _connect(profile, environment, log_to_driver)
        except Exception as error:  # Ray's own wait for its start is 30 s, whatever else the machine is doing
            if "timed out" not in str(error):
                raise
            ray.shutdown()
            _connect_again(profile, environment, log_to_driver)
    ray_internals.describe_nothing()
    ray_internals.hand_over_by_value()
    ray_internals.end_with_the_pass()
    stop.listen()  # again: Ray puts a handler of its own in its place
    context = DataContext.get_current()
    context.checkpoint_config = None  # of a job before this one in the same process
    # A clip that takes its worker down may cost its block, never the run: who is missing is found out after.
    context.max_errored_blocks = -1
    # The newer way starts an actor for the footers of a plan's few files, in every pass: two seconds of a core.
    context.use_datasource_v2 = False
    context.max_consecutive_actor_init_deaths = 5
    context.execution_no_progress_timeout_s = 4 * 3600.0
    context.print_on_execution_start = False
    context.issue_detectors_config.detectors = []  # they warn of every actor larger than Ray's guess
    context.enable_rich_progress_bars, context.use_ray_tqdm = True, False
    _quieten()
    ROOM.known = "RAY_ADDRESS" not in os.environ and not (profile and _named(profile))


def require_room(profile: Profile) -> None:
    """Raise UserError if the profile's actors find no place, unless RECAST_GROWING_CLUSTER says that nodes may come."""
    if not os.environ.get("RECAST_GROWING_CLUSTER"):
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        require_place(profile, nodes)
        ROOM.known = not profile.writers  # of which nothing is asked


def _watched() -> bool:
    """Whether there is a port at which Prometheus may ask for counters: where nobody can, Ray goes at its own pace."""
    return "RECAST_METRICS_PORT" in os.environ or "RAY_ADDRESS" in os.environ


def _quieten() -> None:
    """Of what Ray says keep what concerns the user."""
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    ray_internals.RESOURCES.addFilter(ROOM)
    # There is no other parameter yet for how often a clip that kills its worker is tried.
    warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
    if not sys.stdout.isatty():
        ray_internals.PROGRESS.setLevel(logging.INFO)
        ray_internals.PROGRESS.addFilter(PlainProgress())


def _named(profile: Profile) -> bool:
    """Whether some of it runs only where there are resources of a name, of which this machine has none."""
    pools = profile.pools
    return bool(
        profile.writers or pools.condition.resources or pools.regenerate.resources or pools.audit.resources
    )


def _connect(profile: Profile | None, environment: dict[str, str], log_to_driver: bool) -> None:
    ray_internals.ask_nobody(alone="RAY_ADDRESS" not in os.environ, watched=_watched())
    if "RAY_ADDRESS" in os.environ:
        ray.init(
            runtime_env={"env_vars": environment}, log_to_driver=log_to_driver, logging_level=logging.ERROR
        )
        return
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # Ray would put one into the user's home
    os.environ |= environment  # the workers inherit it, and need no environment of their own
    ray_internals.start_what_serves(log_to_driver, _watched())
    ray.init(
        "local",  # not a cluster that another user of this machine started, or that a crash left in Ray's notes
        num_cpus=_logical_cpus(profile),
        include_dashboard=False,
        _temp_dir=spill.ray_folder(),
        object_spilling_directory=spill.directory(profile.spill if profile else ""),
        log_to_driver=log_to_driver,
        logging_config=ray.LoggingConfig(log_level="ERROR") if log_to_driver else None,
        logging_level=logging.ERROR,
        _metrics_export_port=int(os.environ.get("RECAST_METRICS_PORT", "0")) or None,
    )


def _connect_again(profile: Profile | None, environment: dict[str, str], log_to_driver: bool) -> None:
    """Raise UserError if Ray's start takes too long a second time."""
    try:
        _connect(profile, environment, log_to_driver)
    except Exception as error:
        if "timed out" not in str(error):
            raise
        ray.shutdown()
        remedy = "Run the same command again when this machine has less to do, and memory to spare"
        raise UserError("Ray", "did not start in time, twice", remedy) from None


def linger() -> None:
    """Where this process is what Prometheus asks (RECAST_METRICS_PORT), let it see the end of a run: wait
    RECAST_METRICS_LINGER seconds, 30 if that is not set."""
    if "RECAST_METRICS_PORT" in os.environ and "RAY_ADDRESS" not in os.environ:
        with contextlib.suppress(KeyboardInterrupt):  # all is done
            time.sleep(float(os.environ.get("RECAST_METRICS_LINGER", "30")))


def _logical_cpus(profile: Profile | None) -> int:
    """Enough for every actor and the small tasks: with fewer, actors that wait for input hold what reading it needs."""
    pools = [profile.pools.condition, profile.pools.regenerate, profile.pools.audit] if profile else []
    actors = sum(pool.actors * pool.num_cpus for pool in pools)
    return max(os.cpu_count() or 1, math.ceil(actors)) + SMALL_TASKS


class PlainProgress(logging.Filter):
    """Prints Ray's report of some twenty log lines as one: each stage with the clips it has done, and shards written.

    Of how many, Ray guesses from the blocks it has seen, and guesses wrong; jobs.status knows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stages: dict[str, str] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the record in; it goes no further."""
        message = record.getMessage()
        if stage := re.fullmatch(r"(?:MapBatches\((\w+)\)|(Write)): (\d+)/\S+", message):
            self.stages[stage[1] or stage[2]] = stage[3]
        elif set(message) == {"="} and self.stages:  # the line that ends a report
            done = "  ".join(f"{name} {count}" for name, count in self.stages.items())
            print(f"{time.strftime('%H:%M:%S')}  {done}", flush=True)
            self.stages.clear()
        return False
