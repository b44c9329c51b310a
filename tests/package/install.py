#!/usr/bin/env python3
"""Installs the packages on a clean Debian and gets an answer, as an operator would.

install.py CLEAN_ROOT PROGRAMS DEB...

CLEAN_ROOT is a Debian made by debootstrap; a copy of it is used. No systemd runs in it, so this
does what systemd would: it starts the unit's command as the unit's user without privileges, and
listens where the program tells that it is ready and alive. Needs root, for chroot.
"""

import configparser
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.request

FACILITY = "1310000001"
PATIENCE_SECONDS = 60
#: What `systemd-analyze security` may find, of 100; services without hardening have 96.
EXPOSURE_MAX = "15"


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


class Root:
    """A clean Debian."""

    def __init__(self, clean, folder):
        self.path = os.path.join(folder, "root")
        run("cp", "-a", clean, self.path)

    def file(self, path):
        return os.path.join(self.path, path.lstrip("/"))

    def inside(self, *command):
        return run("chroot", self.path, *command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

    def install(self, debs):
        for deb in debs:
            shutil.copy(deb, self.file("/tmp"))
        self.inside("dpkg", "-i", *("/tmp/" + os.path.basename(deb) for deb in debs))


def unit(root, name):
    """The service section of a unit; of settings that come twice, the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str
    parser.read(root.file(f"/lib/systemd/system/{name}"))
    return parser["Service"]


class Service:
    """A unit's program, started as systemd would start it."""

    def __init__(self, root, service, environment):
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = root.file("/run/notify")
        if os.path.exists(path):
            os.remove(path)
        self.notices.bind(path)
        os.chmod(path, 0o666)
        self.notices.settimeout(PATIENCE_SECONDS)
        user = service["User"]
        watchdog = int(service["WatchdogSec"]) * 1_000_000
        without_privileges = [
            "setpriv", "--reuid", user, "--regid", service["Group"], "--clear-groups",
            "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all",
        ]
        self.process = subprocess.Popen(
            ["chroot", root.path, *without_privileges, "sh", "-c",
             "umask " + service['UMask'] + "; exec " + service['ExecStart']],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": "/run/notify",
                 "WATCHDOG_USEC": str(min(watchdog, 2_000_000)), **environment},
            stdout=subprocess.PIPE, text=True,
        )

    def wait_for(self, state):
        while True:
            if state in self.notices.recv(4096).decode().split("\n"):
                return

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_SECONDS) == 0, "it did not end well"


def ask(root, address, question):
    ca = root.file("/etc/shikaku/ca")
    context = ssl.create_default_context(cafile=f"{ca}/ca.pem")
    facility = f"{ca}/clients/facility-{FACILITY}"
    context.load_cert_chain(f"{facility}.pem", f"{facility}.key.pem")
    request = urllib.request.Request(
        f"{address}/v1/eligibility", question, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, context=context, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


def prepare(root, programs, folder):
    """What the package's README tells an operator to do."""
    people = os.path.join(folder, "people")
    loadgen = os.path.join(programs, "shikaku-loadgen")
    run(loadgen, "population", "--persons", "500", "--seed", "7", "--date", "20261101",
        "--out", people)
    root.inside("install", "-d", "-o", "shikaku", "/srv/shikaku")
    for name in ("insurers.csv", "members.csv"):
        shutil.copy(os.path.join(people, name), root.file("/srv/shikaku"))
    etc = "/etc/shikaku"
    root.inside("shikaku", "ca", "init", "--dir", f"{etc}/ca")
    root.inside("shikaku", "ca", "facility", "--dir", f"{etc}/ca", "--code", FACILITY)
    root.inside("shikaku", "account", "add", "--file", f"{etc}/accounts.toml", "--user", "desk",
                "--code", FACILITY, "--generate")
    root.inside("sh", "-c", f"cd {etc} && chgrp -R shikaku ca accounts.toml && "
                "chmod -R g+rX ca && chmod g+r accounts.toml")
    root.inside("setpriv", "--reuid", "shikaku", "--regid", "shikaku", "--clear-groups",
                "shikaku", "load", "--bulk", "--config", f"{etc}/shikaku.toml",
                "/srv/shikaku/insurers.csv", "/srv/shikaku/members.csv")
    return run(loadgen, "example", "--population", people).encode()


def answered(root, question):
    service = unit(root, "shikaku.service")
    engine = Service(root, service, {
        "SHIKAKU_ENGINE_SERVER_LISTEN": "127.0.0.1:0",
        "SHIKAKU_ENGINE_ADMIN_LISTEN": "127.0.0.1:0",
    })
    try:
        engine.wait_for("READY=1")
        line = engine.process.stdout.readline()
        address = re.search(r"https://\S+", line)[0].replace("127.0.0.1", "localhost")
        answer = ask(root, address, question)
        assert answer["qualificationValidity"] == "1", answer
        engine.wait_for("WATCHDOG=1")
        owners = {os.stat(root.file("/var/lib/shikaku/store")).st_uid}
        assert 0 not in owners, "the engine runs as root"
        engine.process.send_signal(signal.SIGTERM)
        engine.wait_for("STOPPING=1")
        engine.stop()
    finally:
        engine.process.kill()
    return answer


def main(clean, programs, *debs):
    with tempfile.TemporaryDirectory() as folder:
        root = Root(clean, folder)
        root.install(debs)
        units = [root.file(f"/lib/systemd/system/{name}.service")
                 for name in ("shikaku", "shikaku-reader")]
        for path in units:
            run("systemd-analyze", "security", "--offline=true", "--no-pager",
                f"--threshold={EXPOSURE_MAX}", path)
        question = prepare(root, programs, folder)
        first = answered(root, question)
        # An upgrade, even to the same version, keeps data and configuration.
        with open(root.file("/etc/shikaku/shikaku.toml"), "a") as file:
            file.write("\n[log]\nfilter = \"warn\"\n")
        root.install(debs)
        with open(root.file("/etc/shikaku/shikaku.toml")) as file:
            assert "warn" in file.read(), "the operator's configuration was overwritten"
        again = answered(root, question)
        assert again["eligibility"] == first["eligibility"]
        root.inside("dpkg", "--purge", "shikaku", "shikaku-reader")
        assert os.path.exists(root.file("/var/lib/shikaku/store/FORMAT")), "a purge lost the data"
    print("installed, answered, upgraded, answered, purged: the data are still there")


if __name__ == "__main__":
    main(*sys.argv[1:])
