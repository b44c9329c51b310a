//! The tables of the page.

use crate::evaluate::groups::by_group;
use crate::evaluate::rates::{Point, share};
use crate::evaluate::set::Set;
use crate::evaluate::{Evaluation, Failure};
use maud::{Markup, html};
use shikaku_page::both;

/// Names of files that are listed for each kind of failure.
const FILES_MAX: usize = 5;

/// A rate as people read it.
pub(super) fn percent(rate: f64) -> String {
    let percent = rate * 100.0;
    let digits = match percent {
        p if p >= 9.95 || p == 0.0 => 0,
        p if p >= 0.995 => 1,
        p if p >= 0.095 => 2,
        p if p >= 0.0095 => 3,
        p if p >= 0.00095 => 4,
        _ => 5,
    };
    let text = format!("{percent:.digits$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// One row for each false-match rate.
pub(super) fn rates(points: &[Point]) -> Markup {
    let range = |[low, high]: [f64; 2]| format!("({low:.3} – {high:.3})");
    html! { div.table { table {
        thead { tr {
            th { "FMR" }
            th.n { (both("しきい値", "threshold")) }
            th.n { "FNMR" }
            th.n { (both("95％区間", "95 % interval")) }
            th.n { (both("期待される誤受入", "false matches expected")) }
        } }
        tbody { @for point in points { tr {
            th scope="row" { (percent(point.fmr)) " (" (format!("{:e}", point.fmr)) ")" }
            @if point.is_known() {
                td.n { (format!("{:.4}", point.threshold.value)) " " (range(point.threshold.interval)) }
                td.n { (percent(point.fnmr.value)) }
                td.n { (percent(point.fnmr.interval[0])) " – " (percent(point.fnmr.interval[1])) }
            } @else {
                td colspan="3" { (both("他人の組が足りず測れません", "not known: too few pairs of strangers")) }
            }
            td.n { (format!("{:.1}", point.expected)) }
        } } }
    } } }
}

/// How many pictures failed for which reason, and the first of their names.
pub(super) fn failures(set: &Set, evaluation: &Evaluation) -> Markup {
    let kinds = [
        (Failure::Unreadable, "読めない画像", "cannot be read or decoded"),
        (Failure::Nobody, "顔が見つからない", "no face found"),
        (Failure::Several, "複数の顔", "several faces"),
        (Failure::Model, "モデルの失敗", "a model failed"),
    ];
    let of = |kind: Failure| {
        let failed = evaluation.failures.iter().filter(move |(_, one)| **one == kind);
        let samples = failed.filter_map(|(number, _)| set.samples.get(*number));
        samples.collect::<Vec<_>>()
    };
    html! {
        div.table { table {
            thead { tr { th { (both("理由", "reason")) } th.n { (both("画像", "pictures")) } th.n { (both("割合", "share")) } th { (both("例", "the first")) } } }
            tbody { @for (kind, ja, en) in kinds { @let failed = of(kind); tr {
                th scope="row" { (both(ja, en)) }
                td.n { (failed.len()) }
                td.n { (percent(share(failed.len(), set.samples.len()))) }
                td { @for sample in failed.iter().take(FILES_MAX) { (super::pictures::caption(set, sample)) " " } }
            } } }
        } }
        p.note lang="ja" { "これらの画像のため" (evaluation.pairs_lost) "組を照合できませんでした。誤り率には含まれません。" }
        p.note.en lang="en" { (evaluation.pairs_lost) " pairs could not be compared because of them; they are not part of the error rates." }
    }
}

/// One row for each group: its own people's pairs at the threshold of all.
pub(super) fn groups(set: &Set, evaluation: &Evaluation, at: Option<&Point>) -> Markup {
    let Some(at) = at else {
        return html! { p { (both("他人の組が足りません。", "Too few pairs of strangers.")) } };
    };
    html! {
        div.table { table {
            thead { tr {
                th { (both("集団", "group")) }
                th.n { (both("使えなかった画像", "failure to acquire")) }
                th.n { (both("FMR（組）", "FMR (pairs)")) }
                th.n { (both("FNMR（組）", "FNMR (pairs)")) }
            } }
            tbody { @for group in by_group(set, evaluation, at.threshold.value) { tr {
                th scope="row" { (group.name) }
                td.n { (percent(share(group.failed, group.pictures))) }
                td.n { (percent(group.fmr)) " (" (group.impostor_pairs) ")" }
                td.n { (percent(group.fnmr)) " (" (group.genuine_pairs) ")" }
            } } }
        } }
        p.note lang="ja" { "全体のしきい値" (format!("{:.4}", at.threshold.value)) "（FMR " (percent(at.fmr)) "）での、同じ集団の中の組の誤り率。差が大きければ、その集団でしきい値を決め直してください。" }
        p.note.en lang="en" { "Pairs within one group at the threshold of all, " (format!("{:.4}", at.threshold.value)) " (FMR " (percent(at.fmr)) "). Where groups differ much, calibrate on the group that does worst." }
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn rates_have_as_many_digits_as_say_something() {
        let said = [1.0, 0.5, 0.123, 0.0123, 0.001, 0.000_01, 0.0, 1e-6].map(percent);
        let wanted = ["100 %", "50 %", "12 %", "1.2 %", "0.1 %", "0.001 %", "0 %", "0.0001 %"];
        assert_eq!(said, wanted);
    }
}
