"""A counter with a reader: engine, pcscd, virtual reader and bridge, all real and private to a run."""

import csv
import datetime
import os
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
FACILITY = "1310000001"
PIN = "1234"
PERSONS = 400
MUNICIPALITY = "13221"
# Cards have one of these many portraits, by their holder's index; and the one whose person is shown to cameras.
PORTRAITS = 4
SHOWN = 0

ENGINE = """
[server]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[tls]
certificate = "ca/server.pem"
key = "ca/server.key.pem"
client_ca = "ca/ca.pem"
crl = "ca/crl.pem"
[store]
path = "store"
[accounts]
file = "accounts.toml"
token_key = "token.key"
[card]
trust = "cards/trust.pem"
crl = "cards/crl.pem"
"""

READER = """
[engine]
url = "{engine}"
ca = "ca/ca.pem"
certificate = "ca/clients/facility-{facility}.pem"
key = "ca/clients/facility-{facility}.key.pem"
[exchange]
root = "{root}"
[card]
institution = "{facility}"
answer_seconds = 2
[kiosk]
listen = "127.0.0.1:0"
patient_seconds = {seconds}
last_seconds = 1
note_seconds = 1
{face}
[demo]
cards = "cards"
"""

# Faces are compared by the facility's own program, or by the engine for it.
FACES_HERE = f"""
[face]
manifest = "{ROOT}/models/manifest.toml"
false_match_rate = 0.01
tries = 2
"""
FACES_AT_ENGINE = """
[face]
engine = true
tries = 2
"""
FACE_SERVICE = FACES_HERE + """
workers = 1
attack_rate = 0.1
"""


@dataclass
class Person:
    """Somebody of the population who is insured today, as the insurer wrote it."""

    index: int
    row: dict

    @property
    def name(self):
        return self.row["Name"]


class Place:
    """Everything of one run in one folder that goes with it."""

    def __init__(self, profiles, seconds=60):
        self.kept = tempfile.TemporaryDirectory(prefix="shikaku-pages-")
        self.folder = Path(self.kept.name)
        self.seconds = seconds
        self.running = {}
        self.listen = "127.0.0.1:0"
        today = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=9))).strftime("%Y%m%d")
        self.shikaku_loadgen("population", "--persons", str(PERSONS), "--seed", "1", "--date", today, "--out", "population")
        self.shikaku("ca", "init", "--dir", "ca")
        self.shikaku("ca", "facility", "--dir", "ca", "--code", FACILITY)
        self.write("password", "synthetic-tests-only\n")
        self.shikaku("account", "add", "--file", "accounts.toml", "--user", "reception", "--code", FACILITY, "--password-file", "password")
        self.people = self.insured(today)
        # Each kind of card is the next person's: nobody is registered before.
        free = list(self.people)
        self.holders = {name: self.issue(name, profile, self.next(free, name)) for name, profile in profiles.items()}
        # After the cards, since the lists name those that are revoked.
        self.shikaku_reader("card", "ca")
        self.write("shikaku.toml", ENGINE)
        self.shikaku("load", "population/insurers.csv", "population/members.csv")
        self.start_engine()
        self.start_readers()
        self.start_bridge()

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def run(self, program, *arguments):
        done = subprocess.run([PROGRAMS / program, *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{program} {arguments[0]}: {done.stderr}"
        return done.stdout

    def shikaku(self, *arguments):
        return self.run("shikaku", *arguments)

    def shikaku_reader(self, *arguments):
        return self.run("shikaku-reader", *arguments)

    def shikaku_loadgen(self, *arguments):
        return self.run("shikaku-loadgen", *arguments)

    def insured(self, today):
        """One open registration of each person who has exactly one."""
        with open(self.folder / "population" / "members.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        counts = {}
        for row in rows:
            counts[row["PersonId"]] = counts.get(row["PersonId"], 0) + 1
        good = lambda row: (
            counts[row["PersonId"]] == 1 and row["Address"] and row["QualificationDate"] <= today
            and not row["DisqualificationDate"] and not row["TicketType1"] and row["Birthdate"] < "19980101"
        )
        return [Person(index, row) for index, row in enumerate(rows) if good(row)]

    def next(self, free, name):
        """The next person without a card; for some cards one whose portrait can be shown to a camera."""
        is_any = not name.startswith("shown-")
        return free.pop(next(at for at, one in enumerate(free) if is_any or one.index % PORTRAITS == SHOWN))

    def issue(self, name, profile, person):
        row = person.row
        said = self.shikaku_reader(
            "card", "issue", "--index", str(person.index), "--profile", profile, "--name", row["Name"], "--address", row["Address"],
            "--birthdate", row["Birthdate"], "--sex", row["Sex1"], "--municipality", MUNICIPALITY, "--pin", PIN,
        )
        return Path(said.split(" serial ")[0]).stem, person

    def start(self, name, arguments, **more):
        """Starts a program that says one line when it is ready; the words of that line."""
        log = open(self.folder / f"{name}.log", "a", encoding="utf-8")
        process = subprocess.Popen(arguments, cwd=self.folder, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True, **more)
        self.running[name] = process
        line = process.stdout.readline().split()
        assert line, f"{name} did not start: {self.log(name)}"
        return line

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def start_engine(self, more=""):
        self.write("shikaku.toml", ENGINE.replace("127.0.0.1:0", self.listen, 1) + more)
        words = self.start("engine", [PROGRAMS / "shikaku", "serve"])
        self.engine, self.admin = words[2], words[4]
        # The bridge keeps its configuration when the engine comes back, so the port stays as well.
        self.listen = self.engine.removeprefix("https://")

    def metrics(self):
        """The engine's metrics as text."""
        with urllib.request.urlopen(f"{self.admin}/metrics") as answer:
            return answer.read().decode()

    def start_readers(self):
        """A pcscd with virtual readers; how to reach it is what a shell would `eval`."""
        words = self.start("readers", [PROGRAMS / "shikaku-reader", "card", "readers"])
        assert words[0] == "export", words
        self.reach = dict(word.replace("'", "").split("=", 1) for word in words[1:])

    def start_bridge(self, face=FACES_HERE):
        self.write("reader.toml", READER.format(engine=self.engine, facility=FACILITY, root=self.folder / "OQS", seconds=self.seconds, face=face))
        words = self.start("bridge", [PROGRAMS / "shikaku-reader", "serve"], env=os.environ | self.reach)
        self.url = words[1].removesuffix("/kiosk")

    def stop(self, name):
        process = self.running.pop(name)
        process.terminate()
        process.wait(timeout=30)
        if process.stdout:
            process.stdout.close()

    def close(self):
        for name in ["bridge", "readers", "engine"]:
            if name in self.running:
                self.stop(name)
        self.kept.cleanup()

    def files(self):
        """The receipt computer's files."""
        return set((self.folder / "OQS" / "face").glob("OQSsiquc01res_face_*.xml"))

