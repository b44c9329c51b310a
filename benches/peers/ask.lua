-- For wrk: asks one prepared question after another, from a place of its own.
local questions, at = {}, 0

function init(args)
    for line in io.lines(args[1]) do
        questions[#questions + 1] = wrk.format("POST", "/v1/eligibility", { ["Content-Type"] = "application/json" }, line)
    end
end

function request()
    at = at % #questions + 1
    return questions[at]
end
