"""The package on a Debian 12 and a Debian 13 that boot, in this order: each test goes on where the one before ended."""

import concurrent.futures
import re
import threading

from conftest import HOST, handbook
from programs import ROUTES
from waiting import wait_until

ALICE = {"username": "alice", "password": "correct horse battery staple"}
COOKIE, COMPANION = "__Secure-refresh", "__Host-refresh-binding"


def services(machine, state):
    said = machine.run(f"systemctl list-units --plain --no-legend --state={state} 'tallystick*'")
    return sorted(re.findall(r"^tallystick-([a-z]+)\.service", said, re.M))


def complaints(machine):
    """What failed, and what our programs had to warn about since this boot."""
    failed = machine.run("systemctl --failed --plain --no-legend")
    journal = machine.run("journalctl -b -q -o cat -p warning -u 'tallystick*' --no-pager")
    lines = machine.run("journalctl -b -q -o cat -u 'tallystick*' --no-pager | grep -E '\"level\":\"(warning|error)\"' || true")
    return failed + journal + lines


def login(machine):
    answer = machine.ask("POST", "/auth/login", ALICE)
    assert answer.status == 200, (answer.status, answer.body)
    return answer


def restarted(machine):
    """Waits until the programs answer again after a restart: longer here than nginx waits for one request."""
    wait_until(lambda: machine.ask("GET", "/auth/health").status == 204, "the programs", 60, 1)


def refresh(machine, cookies):
    return machine.ask("POST", "/auth/refresh", cookies=cookies)


def test_it_installs_without_a_network_and_nothing_listens(machine):
    before = machine.run("ss -ltnH | sort")
    # An installed nginx goes on as it was.
    site = machine.run("sha256sum /etc/nginx/nginx.conf /etc/nginx/sites-enabled/*")
    said = machine.run("cd /payload; " + handbook("Installing").splitlines()[0] + " </dev/null 2>&1")
    assert not re.search(r"\b(warning|error)\b", said, re.I), said
    assert machine.run("ss -ltnH | sort") == before
    assert machine.run("sha256sum /etc/nginx/nginx.conf /etc/nginx/sites-enabled/*") == site
    # Nothing is set up, so nothing runs, and nothing fails for that.
    assert services(machine, "active") == [] and complaints(machine) == ""
    assert machine.run("stat -c '%a %U:%G' /etc/tallystick/tallystick.env").strip() == "600 root:root"
    assert machine.run("stat -c '%a %U:%G' /var/lib/tallystick").strip() == "2750 tallystick:tallystick-store"


def test_the_handbooks_commands_set_it_up_and_the_doctor_finds_nothing(machine):
    machine.run("mkdir -p /srv/www/private; echo secret >/srv/www/private/index.html; rm -f /etc/nginx/sites-enabled/default")
    # The certificate is signed by itself, and root trusts it here.
    machine.run(f"cp /etc/letsencrypt/live/{HOST}/fullchain.pem /usr/local/share/ca-certificates/test.crt; update-ca-certificates 2>&1")
    said = machine.run("cd /payload; set -e; " + handbook("Installing") + " 2>&1")
    assert "added alice" in said and "nothing is wrong" in said, said
    assert "warn" not in machine.run("nginx -t 2>&1")
    # Again, it is the same; another issuer is refused.
    assert machine.run(f"tallystick setup https://{HOST} 2>/dev/null | diff - /etc/nginx/conf.d/tallystick.conf") == ""
    machine.run("tallystick setup https://other.example.org", status=1)
    assert machine.run("stat -c %a%G /run/tallystick/check.sock").strip() == "660www-data"
    # The doctor's account is gone.
    assert machine.run("tallystick account list").count("doctor") == 0


def test_the_doctor_names_the_line_that_is_wrong(machine):
    machine.run("sed -i 's/^ *root .srv.www;/    return 200 open;/' /etc/nginx/conf.d/tallystick.conf; nginx -t 2>&1; systemctl reload nginx")
    said = machine.run("tallystick doctor 2>&1", status=1)
    line = int(machine.run("grep -n 'return 200 open' /etc/nginx/conf.d/tallystick.conf | cut -d: -f1"))
    assert f"/etc/nginx/conf.d/tallystick.conf:{line}: `return 200 open`" in said, said
    assert f"https://{HOST}/private/ is answered with 200 without a token" in said
    machine.run("sed -i 's/^ *return 200 open;/    root \\/srv\\/www;/' /etc/nginx/conf.d/tallystick.conf; nginx -t 2>&1; systemctl reload nginx")
    machine.run("chmod 0600 /run/tallystick/me.sock")
    assert "/run/tallystick/me.sock has mode 600" in machine.run("tallystick doctor --offline 2>&1", status=1)
    machine.run("chmod 0660 /run/tallystick/me.sock; tallystick doctor --offline")


def test_the_guard_is_closed_and_opens_for_an_account(machine):
    closed = machine.ask("GET", "/private/")
    assert closed.status == 401 and "Bearer" in closed.headers["WWW-Authenticate"]
    token = login(machine).token
    opened = machine.ask("GET", "/private/", token=token)
    assert (opened.status, opened.body) == (200, b"secret\n")
    assert machine.ask("GET", "/auth/me", token=token).json["username"] == "alice"
    assert machine.ask("GET", "/auth/health").status == 204
    assert len(machine.ask("GET", "/.well-known/jwks.json").json["keys"]) == 2
    assert {"check", "health", "jwks", "login", "me"} <= set(services(machine, "running"))


def test_a_url_can_be_tried_for_one_account(machine):
    before = machine.run("tallystick session list alice | wc -l")
    said = machine.run(f"tallystick try alice https://{HOST}/private/ 2>/dev/null")
    assert said.startswith("alice is answered with 200, and a stranger with 401\n")
    assert "location /private/" in said and "any account may see it" in said
    assert machine.run("tallystick session list alice | wc -l") == before
    machine.run("tallystick account disable alice")
    assert "disabled" in machine.run(f"tallystick try alice https://{HOST}/private/ 2>&1", status=1)
    machine.run("tallystick account enable alice")


def test_a_login_is_refreshed_and_ends(machine):
    first = login(machine)
    second = refresh(machine, first.cookies)
    assert second.status == 200 and second.cookies[COOKIE] != first.cookies[COOKIE]
    assert machine.ask("POST", "/auth/logout", token=second.token).status == 204
    assert machine.ask("GET", "/private/", token=second.token).status == 401
    registered = machine.ask("POST", "/auth/register", {**ALICE, "username": "bob"})
    assert registered.status == 403, "registration is closed unless it is opened"
    assert re.search(r"REGISTRATION +open", machine.run("set -e; " + handbook("Installing", 1)))
    restarted(machine)
    registered = machine.ask("POST", "/auth/register", {**ALICE, "username": "bob"})
    assert registered.status == 201
    assert machine.ask("POST", "/auth/revoke", token=registered.token).status == 204


def test_who_verifies_reads_no_secret(machine):
    """In the namespace of the program, as its user."""
    for program, user in (("check", "tallystick-verify"), ("jwks", "tallystick-public")):
        machine.ask("GET", "/.well-known/jwks.json")
        pid = machine.pid(program)
        assert machine.run(f"stat -c %U /proc/{pid}").strip() == user
        inside = f"nsenter -t {pid} -m setpriv --reuid={user} --regid=$(id -g {user}) --clear-groups"
        machine.run(f"{inside} cat /var/lib/tallystick/keys/set.json")
        for name in ("refresh.secret", "private/*"):
            machine.run(f"{inside} sh -c 'cat /var/lib/tallystick/keys/{name}'", status=1)
    machine.run(f"nsenter -t {machine.pid('jwks')} -m ls /var/lib/tallystick/tallystick.db", status=2)
    # Without systemd's help the modes alone say the same.
    for user in ("tallystick-verify", "tallystick-public", "www-data"):
        machine.run(f"setpriv --reuid={user} --regid=$(id -g {user}) --init-groups "
                    "cat /var/lib/tallystick/keys/refresh.secret", status=1)
    machine.run("setpriv --reuid=nobody --regid=nogroup --clear-groups ls /run/tallystick/", status=2)


def test_the_whole_is_small_at_rest_and_hardened(machine):
    # As ten idle minutes leave it: those that are asked all the time, and sockets.
    machine.run("systemctl stop $(systemctl list-units --plain --no-legend 'tallystick-*.service' | "
                "awk '{ print $1 }' | grep -vE 'check|refresh|state')")
    machine.run("systemctl restart tallystick-check.service tallystick-refresh.service; sleep 2")
    resident = [int(line.split()[1]) for line in machine.run(
        f"grep VmRSS /proc/{machine.pid('check')}/status /proc/{machine.pid('refresh')}/status").splitlines()]
    assert len(resident) == 2 and sum(resident) < 40_000
    for program in ("check", "refresh"):
        peak = int(machine.run(f"systemctl show -P MemoryCurrent tallystick-{program}"))
        assert peak * 2 < int(machine.run(f"systemctl show -P MemoryMax tallystick-{program}")), program
    said = machine.run("systemd-analyze security --no-pager 'tallystick*' 2>/dev/null || true; "
                       "for unit in /lib/systemd/system/tallystick*.service; do "
                       "systemd-analyze security --no-pager $(basename $unit) | tail -n 1; done")
    exposures = dict(re.findall(r"for (\S+)\.service: ([0-9.]+)", said))
    assert len(exposures) >= len(ROUTES)
    for name, exposure in exposures.items():
        assert float(exposure) <= (0.5 if name in ("tallystick-check", "tallystick-jwks") else 1.0), (name, exposure)


def test_a_program_that_is_killed_is_back_within_a_second(machine):
    token = login(machine).token
    for program in ("check", "me"):
        machine.ask("GET", "/auth/me", token=token)
        machine.ask("GET", "/private/", token=token)
        before = machine.pid(program)
        machine.run(f"kill -KILL {before}")
        path = "/private/" if program == "check" else "/auth/me"
        assert machine.ask("GET", path, token=token).status == 200
        assert machine.pid(program) not in (0, before)


def test_a_program_that_is_idle_ends_and_comes_back(machine):
    """By its shortest time here; ten minutes are what the package sets."""
    machine.run("mkdir -p /run/systemd/system/tallystick-me.service.d; printf "
                "'[Service]\\nExecStart=\\nExecStart=/usr/libexec/tallystick/me --idle 1\\n' "
                ">/run/systemd/system/tallystick-me.service.d/idle.conf; systemctl daemon-reload; "
                "systemctl restart tallystick-me.service")
    token = login(machine).token
    assert machine.ask("GET", "/auth/me", token=token).status == 200
    wait_until(lambda: "me" not in services(machine, "running"), "the end of me", 30)
    assert machine.ask("GET", "/auth/me", token=token).status == 200
    machine.run("rm -r /run/systemd/system/tallystick-me.service.d; systemctl daemon-reload")
    assert "me" not in services(machine, "failed")


def test_a_wrong_setting_stops_a_program_and_the_target_starts_it_again(machine):
    machine.run("sed -i 's/^TALLYSTICK_REGISTRATION=.*/TALLYSTICK_REGISTRATION=perhaps/' /etc/tallystick/tallystick.env; "
                "systemctl restart tallystick.target")
    assert machine.ask("GET", "/auth/health").status == 503
    wait_until(lambda: machine.run("systemctl show -P ExecMainStatus tallystick-state.service") == "100\n", "the end of the first try", 60, 1)
    # Whoever comes first says which line is wrong, and the rest waits for that.
    said = machine.run("systemctl show -P ExecMainStatus tallystick-state.service; journalctl -q -o cat -b -u 'tallystick*'")
    assert said.startswith("100\n") and 'TALLYSTICK_REGISTRATION="perhaps" is wrong: open or closed' in said
    # It is not tried for ever.
    wait_until(lambda: machine.ask("GET", "/auth/health").status == 503 and "tallystick-health.socket" in machine.run(
        "systemctl list-units --plain --no-legend --state=failed 'tallystick*'"), "the end of trying", 60)
    machine.run("sed -i 's/^TALLYSTICK_REGISTRATION=.*/TALLYSTICK_REGISTRATION=open/' /etc/tallystick/tallystick.env; "
                "systemctl reset-failed; systemctl restart tallystick.target")
    restarted(machine)


def test_the_daily_work_is_done(machine):
    machine.run("systemctl start tallystick-prune.service")
    assert "tallystick-prune.timer" in machine.run("systemctl list-timers --all --no-legend 'tallystick*'")


def test_an_upgrade_under_load_fails_no_request_and_ends_no_session(machine):
    started = login(machine)
    over = threading.Event()
    failures = []
    kept = dict(started.cookies)

    def load(number):
        count = 0
        while not over.is_set():
            answer = machine.ask("GET", "/private/" if number else "/auth/me", token=started.token)
            count += 1
            if answer.status != 200:
                failures.append((number, answer.status, answer.body))
        return count

    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = [pool.submit(load, number) for number in range(3)]
        try:
            said = machine.run("cd /newer; " + handbook("Upgrading") + " </dev/null 2>&1")
        finally:
            over.set()
        counts = [future.result() for future in running]
    assert not re.search(r"\b(warning|error)\b", said, re.I), said
    assert failures == [] and min(counts) > 3
    assert machine.run("dpkg-query -W -f '${Version}' tallystick").endswith("+1")
    # The programs are the new ones.
    assert machine.run("ls -l /proc/*/exe 2>/dev/null | grep -c 'tallystick.*deleted' || true").strip() == "0"
    assert refresh(machine, kept).status == 200
    assert machine.run("systemctl --failed --plain --no-legend") == ""


def test_a_state_that_was_destroyed_is_restored_from_its_backup(machine):
    started = login(machine)
    said = machine.run("set -e; systemctl start tallystick-backup.service; " + handbook("Backing up, restoring, moving"))
    assert "wrote /srv/tallystick.backup" in said and re.search(r"^tallystick-\S+Z\.backup$", said, re.M)
    assert machine.run("stat -c '%a %U' /srv/tallystick.backup /var/backups/tallystick").split() == ["600", "root", "700", "tallystick"]
    machine.run("systemctl stop tallystick.target; rm -rf /var/lib/tallystick")
    said = machine.run("set -e; " + handbook("Backing up, restoring, moving", 1) + "; systemctl start tallystick.target")
    assert re.search(r"0 sessions go on, [1-9]\d* were ended", said) and "ok" in said.split()
    # A thief of this cookie gets nothing, and neither does its owner: she signs in again.
    assert refresh(machine, started.cookies).status == 401
    assert machine.ask("GET", "/private/", token=login(machine).token).status == 200
    assert machine.run("stat -c '%a %U:%G' /var/lib/tallystick").strip() == "2750 tallystick:tallystick-store"


def test_the_other_commands_of_the_handbook_run(machine):
    said = machine.run("set -e; " + handbook("Watching"))
    assert said.strip().endswith("204")
    machine.run("set -e; " + handbook("Who runs"))


def test_a_reboot_keeps_every_session(machine):
    started = login(machine)
    machine.reboot()
    restarted(machine)
    assert machine.ask("GET", "/private/", token=started.token).status == 200
    second = refresh(machine, started.cookies)
    assert second.status == 200
    assert complaints(machine) == ""


def test_removing_keeps_the_state_and_purging_ends_it(machine):
    said = machine.run("apt-get remove -y tallystick </dev/null 2>&1")
    assert not re.search(r"\b(warning|error)\b", said, re.I), said
    assert services(machine, "running") == [] and machine.run("ls /run/tallystick 2>/dev/null || true") == ""
    machine.run("test -s /var/lib/tallystick/tallystick.db -a -s /etc/tallystick/tallystick.env")
    machine.run("apt-get install -y /newer/*.deb </dev/null 2>&1")
    restarted(machine)
    assert login(machine).status == 200
    machine.run("apt-get purge -y tallystick </dev/null 2>&1")
    assert machine.run("ls -d /var/lib/tallystick /etc/tallystick 2>/dev/null || true") == ""
    assert machine.run("systemctl --failed --plain --no-legend") == ""
