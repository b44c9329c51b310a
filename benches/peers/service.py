"""An eligibility service as an integrator would write it: FastAPI, asyncpg, PostgreSQL.

It answers the questions of `/v1/eligibility` with the same decision (valid, lost, newer elsewhere,
nobody, several) and the fields that a desk needs. Connections are pooled, statements prepared.
"""

import datetime
import json
import os
import unicodedata
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field

CARD = """
SELECT person_id, name, name_kana, sex, birthdate, address, post_number, branch,
       qualification_date, disqualification_date, line
FROM membership
WHERE insurer_number = $1 AND birthdate = $2 AND number = $3 AND symbol = $4
"""
ELSEWHERE = """
SELECT 1 FROM membership
WHERE person_id = $1 AND qualification_date <= $2
  AND (disqualification_date IS NULL OR disqualification_date > $2)
LIMIT 1
"""


class Question(BaseModel):
    """What `/v1/eligibility` is asked."""

    insurerNumber: str = Field(min_length=6, max_length=8)
    insuredCardSymbol: str | None = Field(default=None, max_length=20)
    insuredIdentificationNumber: str = Field(min_length=1, max_length=20)
    insuredBranchNumber: str | None = Field(default=None, max_length=2)
    birthdate: datetime.date
    qualificationConfirmationDate: datetime.date | None = None
    limitApplicationCertificateConsent: bool = False


def folded(text: str | None) -> str:
    """Width, hyphens, spaces and leading zeros do not matter."""
    text = unicodedata.normalize("NFKC", text or "")
    return text.replace("-", "").replace(" ", "").upper().lstrip("0")


async def prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=16, max_size=32, init=prepare
    ) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


def covers(row: asyncpg.Record, day: datetime.date) -> bool:
    lost = row["disqualification_date"]
    return row["qualification_date"] <= day and (lost is None or lost > day)


@app.post("/v1/eligibility")
async def eligibility(question: Question, request: Request) -> dict:
    day = question.qualificationConfirmationDate or datetime.date.today()
    async with request.app.state.pool.acquire() as connection:
        rows = await connection.fetch(
            CARD,
            question.insurerNumber,
            question.birthdate,
            folded(question.insuredIdentificationNumber),
            folded(question.insuredCardSymbol),
        )
        branch = question.insuredBranchNumber
        rows = [row for row in rows if not branch or not row["branch"] or row["branch"] == branch]
        rows = [row for row in rows if covers(row, day)] or rows
        answer = {
            "processExecutionTime": datetime.datetime.now().isoformat(timespec="seconds"),
            "qualificationConfirmationDate": day.isoformat(),
        }
        people = {row["person_id"] for row in rows}
        if len(people) != 1:
            return answer | {"qualificationValidity": "5" if people else "4"}
        row = max(rows, key=lambda row: row["qualification_date"])
        if covers(row, day):
            answer["qualificationValidity"] = "1"
        elif await connection.fetchval(ELSEWHERE, row["person_id"], day):
            return answer | {"qualificationValidity": "3"}
        else:
            answer["qualificationValidity"] = "2"
    line = row["line"]
    return answer | {
        "eligibility": {
            "insuredCardClassification": line["InsuredCardClassification"],
            "insurerNumber": question.insurerNumber,
            "insuredCardSymbol": line.get("InsuredCardSymbol"),
            "insuredIdentificationNumber": line["InsuredIdentificationNumber"],
            "insuredBranchNumber": row["branch"],
            "insuredName": line.get("InsuredName"),
            "name": row["name"],
            "nameKana": row["name_kana"],
            "sex1": row["sex"],
            "birthdate": row["birthdate"],
            "address": row["address"],
            "postNumber": row["post_number"],
            "qualificationDate": row["qualification_date"],
            "disqualificationDate": row["disqualification_date"],
        }
    }
