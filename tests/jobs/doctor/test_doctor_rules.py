"""The rules that only `galley doctor` has, from plain facts."""

import json
import re
from pathlib import Path

import pytest

from domain.system.checks import fault, ok, skipped, warning
from jobs.doctor import Finding, State, as_json, as_lines, summary
from jobs.doctor.checks import clock, database, leftovers, parts, permissions, redis, runs
from jobs.doctor.checks.runs import Stuck

HOUR = 3_600_000


def states(findings) -> list[str]:
    return [finding.state for finding in findings]


# ---- the database


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


def test_a_damaged_file_is_reported_in_the_words_of_sqlite():
    assert database.whole(["ok"], Path("/x")).state == "ok"
    found = database.whole(["row 7 missing from index a"], Path("/srv/galley.db"))
    assert found.state == "fault"
    assert "row 7 missing" in found.message
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
    assert "2 h behind the clock of Redis" in clock.judged(2 * HOUR, 15, "Redis")[0].message
    assert "2 h ahead of the clock of Redis" in clock.judged(-2 * HOUR, 15, "Redis")[0].message


# ---- workers


def test_workers_of_this_host_are_named_by_what_is_wrong_with_them():
    assert list(parts.ended_badly([])) == list(parts.as_root([])) == []
    (ended,) = parts.ended_badly(["w1"])
    assert ended.message == "1 worker of this host ended without signing off: w1."
    (root,) = parts.as_root(["w1", "w2"])
    assert "every script" in root.message


def test_what_waits_for_the_start_of_galley_is_counted():
    assert parts.not_running("Steps", 0).message == "Galley is not running."
    assert parts.not_running("Steps", 3).message == "Galley is not running. Steps waiting: 3."


# ---- leftovers, stuck runs, open files


def test_nothing_stuck_is_no_finding():
    assert list(runs.judged(Stuck())) == []


def test_everything_stuck_is_named():
    stuck = Stuck(
        overdue=[("compile of run a (#1)", 2 * HOUR), ("test of run b (#2)", 90_000)],
        unrung=[("deploy of run c (#3)", 120_000)],
        unmoved=["d (#4)"],
    )
    found = [finding.message for finding in runs.judged(stuck)]
    assert "for up to 2 h: compile of run a (#1), test of run b (#2)" in found[0]
    assert "for up to 2 min: deploy of run c (#3)" in found[1]
    assert "d (#4)" in found[2]


def test_leftovers_are_named_with_the_command_against_them():
    assert list(leftovers.left_folders([])) == list(leftovers.strays({})) == []
    assert list(leftovers.left_logs([])) == []
    (folders,) = leftovers.left_folders([Path("/srv/work/a.1"), Path("/srv/work/b.2")])
    assert folders.message == "2 workspaces of finished attempts in /srv/work: a.1, b.2."
    (processes,) = leftovers.strays({71: "a.1", 9: "b.2"})
    assert processes.way_out == "kill -9 9 71"
    (logs,) = leftovers.left_logs([Path("/srv/logs/a"), Path("/srv/logs/b")])
    assert logs.message == "2 folders in /srv/logs of runs that this database does not have: a, b."
    assert logs.way_out.endswith("delete the logs: rm -r /srv/logs/a /srv/logs/b")


def test_a_data_folder_of_another_user_is_a_fault():
    assert permissions.ownership("/srv", "galley", "galley").state == "ok"
    found = permissions.ownership("/srv", "galley", "root")
    assert found.state == "fault"
    assert found.way_out.startswith("sudo -u galley galley doctor")


def test_a_file_that_others_can_read_is_reported_with_its_mode():
    found = permissions.too_open(Path("/srv/secret_key"), 0o100644, 0o600)
    assert "mode 644" in found.message
    assert found.way_out == "chmod 600 /srv/secret_key"


# ---- the report

FOUND = [
    Finding(**{**vars(finding), "name": name})
    for name, finding in {
        "disk": ok("Enough."),
        "web": fault("It is silent.", "Start it."),
        "runs": skipped("Fix this first: web."),
        "redis": warning("It forgets.", "Let it keep."),
    }.items()
]


def test_a_finding_is_a_line_with_shape_and_word_and_its_way_out_on_the_next():
    assert [re.sub(r"\x1b\[\d+m", "", as_lines(finding)) for finding in FOUND] == [
        "✓ ok       disk            Enough.",
        "✗ fault    web             It is silent.\n                           → Start it.",
        "– skipped  runs            Fix this first: web.",
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
