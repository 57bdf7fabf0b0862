"""The rules of `galley doctor`, from plain facts: what is a fault, and what is the way out."""

import json
import re
from pathlib import Path

import pytest

from domain.disk import FULL, LOW, OK, Room
from jobs.doctor import Finding, State, as_json, as_lines, summary
from jobs.doctor.checks import clock, database, leftovers, parts, permissions, redis, runs, storage
from jobs.doctor.checks.parts import Part
from jobs.doctor.checks.runs import Stuck
from jobs.doctor.findings import fault, ok, skipped, warning
from jobs.doctor.format import many, masked, size, some, span, without_credentials

HOUR = 3_600_000


def states(findings) -> list[str]:
    return [finding.state for finding in findings]


# ---- the database


@pytest.mark.parametrize(
    ("missing", "unknown", "state", "way_out"),
    [
        ([], [], "ok", ""),
        (["0002_x"], [], "fault", "galley migrate"),
        ([], ["0009_y"], "fault", "Install the version"),
        # Migrating an old and a new program's database would not mend it.
        (["0002_x"], ["0009_y"], "fault", "Install the version"),
    ],
)
def test_the_tables_are_those_of_this_program(missing, unknown, state, way_out):
    found = database.versions(missing, unknown)
    assert found.state == state
    assert way_out in found.way_out


@pytest.mark.parametrize(
    ("mode", "file_system", "faults"),
    [
        ("wal", "ext4", 0),
        ("delete", "ext4", 1),
        ("wal", "nfs4", 1),
        ("wal", "fuse.sshfs", 1),
        ("wal", "fuse.gvfsd-fuse", 0),
        ("delete", "cifs", 2),
    ],
)
def test_sqlite_is_safe_in_wal_mode_on_a_disk_of_this_machine(mode, file_system, faults):
    assert states(database.unsafe(mode, file_system)) == ["fault"] * faults


MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /srv rw shared:9 - nfs4 host:/x rw
31 30 0:26 / /srv/with\040space rw - tmpfs tmpfs rw
32 22 0:27 / /mnt rw - xfs /dev/vdb rw
33 22 0:28 / /mnt rw - cifs //host/y rw
""".strip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/galley.db", "ext4"),
        ("/srv/galley.db", "nfs4"),
        ("/srvs/galley.db", "ext4"),
        ("/srv/with space/galley.db", "tmpfs"),
        ("/mnt/galley.db", "cifs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_nearest_and_latest_mount(path, kind):
    assert database.file_system_of(Path(path), MOUNTS) == kind


def test_a_damaged_file_is_told_in_sqlites_words():
    assert database.whole(["ok"], Path("/x")).state == "ok"
    found = database.whole(["row 7 missing from index a"], Path("/srv/galley.db"))
    assert found.state == "fault"
    assert "row 7 missing" in found.found
    assert "sqlite3 /srv/galley.db" in found.way_out


# ---- Redis


@pytest.mark.parametrize(
    ("info", "saves", "found"),
    [
        ({"redis_version": "6.2.14", "aof_enabled": 1}, "", []),
        ({"redis_version": "7.4", "aof_enabled": 0}, "3600 1", []),
        ({"redis_version": "7.4", "aof_enabled": 0}, None, []),
        ({"redis_version": "7.4", "aof_enabled": 0}, "", ["warning"]),
        ({"redis_version": "6.0.16", "aof_enabled": 1}, "", ["fault"]),
        ({"redis_version": "10.0", "aof_enabled": 1}, "", []),
        (
            {"redis_version": "7", "aof_enabled": 1, "maxmemory_policy": "allkeys-lru"},
            "",
            ["warning"],
        ),
    ],
)
def test_redis_is_new_enough_and_keeps_what_it_is_given(info, saves, found):
    assert states(redis.unfit(info, saves)) == found


def test_a_private_redis_that_is_silent_is_looked_for_in_its_own_log():
    assert "/srv/redis/redis.log" in redis.silent("no", True, "/srv").way_out
    assert "REDIS_URL" in redis.silent("no", False, "/srv").way_out


# ---- clocks


@pytest.mark.parametrize(
    ("ahead_ms", "state"),
    [
        (0, "ok"),
        (-999, "ok"),
        (1_001, "warning"),
        (-4_999, "warning"),
        (5_001, "fault"),
        (-HOUR, "fault"),
    ],
)
def test_clocks_may_differ_by_less_than_a_third_of_a_lease(ahead_ms, state):
    (found,) = clock.judged(ahead_ms, 15, "Redis")
    assert found.state == state
    assert ("set-ntp" in found.way_out) is (state != "ok")


def test_it_says_which_clock_is_behind():
    assert "2 h behind the clock of Redis" in clock.judged(2 * HOUR, 15, "Redis")[0].found
    assert "2 h ahead of the clock of Redis" in clock.judged(-2 * HOUR, 15, "Redis")[0].found


# ---- workers


def worker(name: str = "w", silent_ms: int = 3_000, queue: str = "default", **more) -> Part:
    return Part(name, silent_ms, queue=queue, **more)


def told(rows, waiting=None, *, has_reconciler_here=True) -> list[tuple[str, str]]:
    found = parts.running_workers(rows, waiting or {}, has_reconciler_here)
    return [(finding.state, finding.found) for finding in found]


def test_workers_are_counted_by_queue():
    rows = [worker("a"), worker("b"), worker("c", queue="arm", silent_ms=2_000)]
    assert told(rows, {"default": 9}) == [
        ("ok", "3 workers: 1 for the queue arm, 2 for the queue default; last heard of 2 s ago.")
    ]


def test_without_any_worker_no_step_can_run():
    ((state, text),) = told([], {"default": 2})
    assert (state, text) == ("fault", "Nobody works: no step can run.")


def test_a_queue_to_which_nobody_listens_is_named_with_the_command():
    (found,) = parts.running_workers([worker()], {"arm": 2, "default": 1}, True)
    assert found.state == "fault"
    assert found.found.startswith("2 ready in the queue arm")
    assert found.way_out.startswith("galley worker --queue arm")


def test_a_worker_whose_process_is_gone_is_the_reconcilers_to_take_away():
    gone = worker("gone", is_here=True, has_process=False)
    assert told([worker(), gone])[0][0] == "ok"
    ((state, text),) = told([worker(), gone], has_reconciler_here=False)
    assert state == "warning"
    assert "gone" in text


def test_a_worker_whose_process_is_gone_counts_as_none():
    assert told([worker(is_here=True, has_process=False)])[0][0] == "fault"


def test_a_worker_elsewhere_that_fell_silent_is_told():
    ((state, text),) = told([worker(), worker("far", silent_ms=2 * HOUR)])
    assert state == "warning"
    assert "2 h: far" in text


def test_a_worker_that_runs_as_root_is_told():
    ((state, text),) = told([worker(is_here=True, has_process=True, is_root=True)])
    assert state == "warning"
    assert "every script" in text


def test_a_worker_without_room_is_told():
    assert "far" in told([worker("far", has_room=False)])[0][1]


def test_workers_that_were_killed_with_galley_are_told_when_it_does_not_run():
    gone = worker("gone", is_here=True)
    found = parts.stopped_workers([gone], 3)
    assert states(found) == ["warning", "skipped"]
    assert "galley up" in found[0].way_out
    assert found[1].found == "Galley is not running. Steps that wait for its start: 3."


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([], "fault"),
        ([Part("r", 2_000)], "ok"),
        ([Part("r", 2_000, is_here=True)], "fault"),
        ([Part("r", 2_000, is_here=True, has_process=True)], "ok"),
        ([Part("r", 60_000, is_here=True, has_process=True)], "fault"),
        ([Part("r", 60_000), Part("s", 2_000)], "ok"),
    ],
)
def test_a_reconciler_is_alive_when_it_says_so_and_has_a_process(rows, state):
    found = parts.judged_reconcilers(rows)
    assert found.state == state
    assert bool(found.way_out) is (state != "ok")


# ---- what is left, what is stuck, what is open


def test_nothing_stuck_is_no_finding():
    assert list(runs.judged(Stuck())) == []


def test_all_that_is_stuck_is_named():
    stuck = Stuck(
        overdue=[("compile of run a (#1)", 2 * HOUR), ("test of run b (#2)", 90_000)],
        unrung=[("deploy of run c (#3)", 120_000)],
        unmoved=["d (#4)"],
    )
    found = [finding.found for finding in runs.judged(stuck)]
    assert "for up to 2 h: compile of run a (#1), test of run b (#2)" in found[0]
    assert "for up to 2 min: deploy of run c (#3)" in found[1]
    assert "d (#4)" in found[2]


def test_what_is_left_is_named_and_so_is_the_command_against_it():
    assert list(leftovers.left_folders([])) == list(leftovers.strays({})) == []
    assert list(leftovers.left_logs([])) == []
    (folders,) = leftovers.left_folders([Path("/srv/work/a.1"), Path("/srv/work/b.2")])
    assert folders.found == "2 workspaces of attempts that are over in /srv/work: a.1, b.2."
    (processes,) = leftovers.strays({71: "a.1", 9: "b.2"})
    assert processes.way_out == "kill -9 9 71"
    (logs,) = leftovers.left_logs([Path("/srv/logs/a"), Path("/srv/logs/b")])
    assert logs.found == "2 folders in /srv/logs of runs that this database does not have: a, b."
    assert logs.way_out.endswith("remove them: rm -r /srv/logs/a /srv/logs/b")


def test_a_data_folder_of_somebody_else_is_a_fault():
    assert permissions.ownership("/srv", "galley", "galley").state == "ok"
    found = permissions.ownership("/srv", "galley", "root")
    assert found.state == "fault"
    assert found.way_out.startswith("sudo -u galley galley doctor")


def test_a_file_that_others_can_read_is_told_with_its_mode():
    found = permissions.too_open(Path("/srv/secret_key"), 0o100644, 0o600)
    assert "mode 644" in found.found
    assert found.way_out == "chmod 600 /srv/secret_key"


@pytest.mark.parametrize(("state", "told"), [(OK, "ok"), (LOW, "warning"), (FULL, "fault")])
def test_little_room_is_a_warning_and_too_little_a_fault(state, told):
    found = storage.room_left(Room(state, "/srv", 123))
    assert found.state == told
    assert ("du -xh" in found.way_out) is (told != "ok")


# ---- words


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0.0 s"),
        (1_500, "1.5 s"),
        (2_000, "2 s"),
        (119_000, "119 s"),
        (120_000, "2 min"),
        (2 * HOUR, "2 h"),
        (47 * HOUR, "47 h"),
        (72 * HOUR, "3 days"),
    ],
)
def test_spans_are_in_the_largest_unit_of_which_there_are_two(milliseconds, text):
    assert span(milliseconds) == text


def test_numbers_read_as_a_person_says_them():
    assert (many([1], "step"), many([], "process", "processes")) == ("1 step", "0 processes")
    assert some(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert (size(900), size(408 * 1024), size(3 << 40)) == ("900 bytes", "408 KiB", "3.0 TiB")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/galley", "s3://bucket/galley"),
        ("hdfs://host:8020/some place/x,y", "hdfs://host:8020/some place/x,y"),
        ("sftp://ann:hush@host:22/x", "sftp://…@host:22/x"),
        ("sftp://hush@host/x", "sftp://…@host/x"),
        ("s3://bucket/x?secret=hush", "s3://bucket/x?…"),
        ("sftp://ann:hush@host/x?key=hush", "sftp://…@host/x?…"),
        # What only a person can tell is not guessed.
        ("s3://bucket/galley@home", "s3://…@home"),
        # Not as they should be written.
        ("sftp://ann:hu/sh@host/x", "sftp://…@host/x"),
        ("sftp://ann:hu@sh@host/x", "sftp://…@host/x"),
        ("sftp://ann:h@u/s@h@host/x", "sftp://…@host/x"),
        ("sftp://ann:hu?sh@host/x", "sftp://…"),
        ("sftp://ann:hu#sh@host/x", "sftp://…"),
        ("sftp://12:34?hush@host/x", "sftp://…"),
        ("sftp://ann:hush", "sftp://…"),
        ("sftp://host/x;hush", "sftp://…"),
        ("s3://bucket/x?secret=hu@sh", "s3://…"),
        ("s3://bucket/x#hush", "s3://…"),
        ("sftp:ann:hush@host", "…"),
        ("ann:hush@host/x", "…"),
        ("//ann:hush@host/x", "…"),
        ("", "…"),
        # Files of this host have no password.
        ("file:///srv/a@b", "file:///srv/a@b"),
        ("/srv/a@b", "/srv/a@b"),
    ],
)
def test_no_password_is_shown(url, shown):
    assert without_credentials(url) == shown


@pytest.mark.parametrize(
    ("url", "said", "told"),
    [
        ("redis://:pa/ss@host:1", "no port: 'pa'", "no port: '…'"),
        ("postgresql://ann:pa@ss@host/db", "no host 'ss@host'", "no host '…@host'"),
        ("postgresql://ann:pa@ss@host/db", "no host 'SS@host'", "no host '…@host'"),
        ("postgresql://ann:p%40ss@host/db", "not p@ss, not p%40ss", "not …@…, not …%…"),
        ("postgresql://host/db?password=hush", "no key hush in db", "no key … in db"),
        ("sftp://ann:hu?sh@host/x", "sh@host/x", "…@…/…"),
        ("s3://bucket/x", "no bucket x", "no bucket x"),
        ("file:///srv/a%20b", "no a b", "no a b"),
    ],
)
def test_what_a_driver_makes_of_a_url_is_told_without_its_password(url, said, told):
    assert masked(said, [url]) == told


# ---- the report

FOUND = [
    Finding(**{**vars(finding), "check": name})
    for name, finding in {
        "disk": ok("Enough."),
        "web": fault("It is silent.", "Start it."),
        "runs": skipped("First mend: web."),
        "redis": warning("It forgets.", "Let it keep."),
    }.items()
]


def test_a_finding_is_a_line_with_shape_and_word_and_its_way_out_on_the_next():
    assert [re.sub(r"\x1b\[\d+m", "", as_lines(finding)) for finding in FOUND] == [
        "✓ ok       disk            Enough.",
        "✗ fault    web             It is silent.\n                           → Start it.",
        "– skipped  runs            First mend: web.",
        "! warning  redis           It forgets.\n                           → Let it keep.",
    ]


def test_the_summary_counts_what_is_not_ok():
    assert summary(FOUND) == "1 fault, 1 warning, 1 skipped."
    assert summary(FOUND[:1]) == "0 faults, 0 warnings, 0 skipped."


def test_scripts_get_the_same():
    told = json.loads(as_json(FOUND))
    assert told["ok"] is False
    assert told["findings"][1] == {
        "check": "web",
        "state": "fault",
        "found": "It is silent.",
        "wayOut": "Start it.",
    }
    assert told["findings"][0]["wayOut"] is None
    assert json.loads(as_json(FOUND[2:]))["ok"] is True
    assert State.FAULT == "fault"
