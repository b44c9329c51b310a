//! The decision.

use super::Step;
use super::case::{Case, facility};
use shikaku_domain::{CardQuery, Day, PersonId, Registration, decide, disclose};
use std::hint::black_box;
use std::rc::Rc;

pub(super) fn steps(on: Day, current: &Rc<[Case]>, ended: &Rc<[Case]>) -> Vec<Step> {
    let validity =
        move |case: &Case| decide(Some(&case.insurer), &case.found, &case.query, on).validity();
    let shown = move |case: &Case| {
        let outcome = decide(Some(&case.insurer), &case.found, &case.query, on);
        black_box(disclose(&outcome, &case.query, facility(), on)).is_some()
    };
    let twins: Rc<[_]> = current.iter().map(twins).collect();
    let cases = Rc::clone(current);
    let mut at = 0;
    vec![
        Step::each("rules/decide: valid", current, validity),
        Step::each("rules/decide: lost here, newer elsewhere", ended, validity),
        Step::new("rules/decide: twins on a card without branch", move || {
            let (case, (query, both)) = (cases.get(at).unwrap(), twins.get(at).unwrap());
            at = (at + 1) % cases.len();
            decide(Some(&case.insurer), black_box(both), query, on).validity()
        }),
        Step::each("rules/decide: valid, and what may be shown", current, shown),
    ]
}

/// A second person under the same card, and the query that fits both.
fn twins(case: &Case) -> (CardQuery, Vec<Registration<'static>>) {
    let mut both = case.found.clone();
    let mut twin = both.first().unwrap().clone();
    twin.person = PersonId::from_number(1).unwrap();
    both.push(twin);
    (CardQuery { branch: None, ..case.query }, both)
}
