\set id random(1, :rows)
SELECT insurer_number, symbol, number, branch, name, name_kana, birthdate, qualification_date, disqualification_date, line FROM membership WHERE id = :id;
