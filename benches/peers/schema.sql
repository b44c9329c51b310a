-- The rows of a members' file as an integrator would keep them: the columns that are asked and
-- answered, everything else of the line (certificates, tickets) as one document. The key that
-- pgbench asks by is a plain integer, PostgreSQL's fastest.
CREATE TABLE membership AS
SELECT
    row_number() OVER () AS id,
    m."InsurerNumber" AS insurer_number,
    folded(m."InsuredCardSymbol") AS symbol,
    folded(m."InsuredIdentificationNumber") AS number,
    m."InsuredBranchNumber" AS branch,
    m."Birthdate"::date AS birthdate,
    m."PersonId"::bigint AS person_id,
    m."Name" AS name,
    m."NameKana" AS name_kana,
    m."Sex1" AS sex,
    m."Address" AS address,
    m."PostNumber" AS post_number,
    m."QualificationDate"::date AS qualification_date,
    m."DisqualificationDate"::date AS disqualification_date,
    jsonb_strip_nulls(to_jsonb(m)) AS line
FROM staged m;
ALTER TABLE membership ADD PRIMARY KEY (id);
CREATE INDEX membership_card ON membership (insurer_number, birthdate, number, symbol);
CREATE INDEX membership_person ON membership (person_id);
VACUUM ANALYZE membership;
