//! From the command line or a scenario to a run that is ready to start.

use super::client::{Setup, StreamSetup};
use super::drive::Job;
use super::message::{Interface, Style};
use super::metrics::Source;
use super::options::Args;
use super::patients::{CardMix, Cards, VisitStyle};
use super::plan::{Curve, Plan, Random};
use super::query::{Mix, Prepared};
use super::result::{Description, Model, Spacing};
use super::scenario::{self, Scenario, StreamSpec};
use super::source::{self, People};
use super::target::{Identities, Reach, Target};
use super::visits::{CARDS_MAX, Visits};
use super::{RunError, login, progress_bar};
use crate::population::{BLOCK, Population};
use indicatif::ProgressBar;
use shikaku_domain::{Day, MedicalInstitutionCode, Registration};
use std::sync::Arc;
use std::time::Duration;

/// Most questions prepared unless the user says otherwise: about 170 MiB.
const PREPARED_DEFAULT_MAX: f64 = 100_000.0;
/// Named in expected answers where no certificate names a facility: no such one exists.
const NO_FACILITY: &str = "9999999999";

/// Checks everything, logs in, prepares the questions.
///
/// # Errors
/// Everything that would keep the run from starting or make it meaningless.
pub(super) fn prepare(args: &Args) -> Result<Job, RunError> {
    let reach = if args.allow_remote_target { Reach::Anywhere } else { Reach::Loopback };
    let target = Arc::new(Target::new(&args.target, identities(args)?.as_ref(), reach)?);
    check_interface(args, &target)?;
    let scenario = match &args.scenario {
        Some(path) => Scenario::read(path)?.at_pace(args.pace),
        None => of_options(args),
    };
    let seed = args.seed.unwrap_or(scenario.seed);
    let curves = scenario.curves(args.scale)?;
    let plans = plans(args, &curves, scenario.spacing, seed)?;
    let end = plans.iter().map(Plan::end).max().unwrap_or_default();
    let warmup = scenario.warmup();
    if end <= warmup {
        let reason = "it ends before the warm-up is over: nothing would be measured".to_owned();
        return Err(RunError::Option { option: "--warmup", reason });
    }
    let has_cards = scenario.streams.iter().any(|stream| stream.cards.is_some());
    if has_cards && target.code(0).is_none() {
        return Err(RunError::NoFacility);
    }
    let mut questions = Questions::new(args, &target)?;
    if let (true, Some(folder)) = (has_cards, &args.population) {
        questions.cards = Some(Cards::of(folder)?);
    }
    let counts = counts(args, &curves, &scenario.streams);
    let bar = progress_bar(counts.iter().sum(), "preparing {pos} of {len} questions");
    let mut streams = Vec::new();
    let mut first = 0;
    for ((spec, plan), count) in scenario.streams.iter().zip(plans).zip(counts) {
        // Each stream has questions of its own, but the first asks what a plain run would.
        let mut random = Random::new(seed);
        let own = if streams.is_empty() { seed } else { random.bits() ^ streams.len() as u64 };
        let (prepared, visits) = match spec.cards {
            None => (questions.make(count, spec.mix, own, &bar)?, None),
            Some(mix) => {
                let visits = questions.visits(count, mix, own, &bar)?;
                (Prepared::challenges(&target.authority), Some(Arc::new(visits)))
            }
        };
        streams.push(StreamSetup {
            name: spec.name.clone(),
            prepared: Arc::new(prepared),
            visits,
            plan,
            connections: spec.connections,
            facilities: (first, spec.facilities as usize),
            requests_per_connection: spec.requests_per_connection,
        });
        first += spec.facilities as usize;
    }
    bar.finish_and_clear();
    let model = if args.closed { Model::Closed } else { Model::Open };
    let setup = Setup {
        target,
        streams,
        model,
        threads: args.threads,
        signers: args.signers,
        signer_cores: args.signer_cores.clone(),
        cores: args.cores.clone(),
        warmup,
        duration: end - warmup,
        timeout: args.timeout,
        part: (0, 1),
    };
    check_setup(&setup)?;
    let description = describe(args, &scenario, &setup, &curves, seed);
    let metrics = args.metrics.as_deref().map(|url| Source::new(url, reach)).transpose()?;
    Ok(Job { setup, description, server_pid: args.server_pid, metrics })
}

fn identities(args: &Args) -> Result<Option<Identities>, RunError> {
    let own = &args.identity;
    let Some(ca) = own.ca.clone() else { return Ok(None) };
    if let Some(folder) = &own.facilities {
        return Identities::of_folder(ca, folder).map(Some);
    }
    let client = own.cert.clone().zip(own.key.clone());
    Ok(client.map(|client| Identities { ca, clients: vec![client] }))
}

fn check_interface(args: &Args, target: &Target) -> Result<(), RunError> {
    if args.interface != Interface::V1 && target.facilities() > 1 {
        return Err(RunError::Option {
            option: "--facilities",
            reason: "messages of the oqs interfaces name their facility; use --interface v1, \
                     or one --cert and --key"
                .to_owned(),
        });
    }
    Ok(())
}

fn check_setup(setup: &Setup) -> Result<(), RunError> {
    let connections: u64 = setup.streams.iter().map(|s| u64::from(s.connections)).sum();
    if connections < u64::from(setup.threads) || connections > u64::from(u32::MAX) {
        return Err(RunError::Option {
            option: "--connections",
            reason: "every thread needs at least one; raise it or lower --threads".to_owned(),
        });
    }
    Ok(())
}

fn of_options(args: &Args) -> Scenario {
    let points = args.rate.points(args.warmup, args.duration);
    let cards = args.cards.then(CardMix::default);
    let stream = StreamSpec::only(args.connections, args.requests_per_connection, cards);
    Scenario::of_options(points, args.warmup, args.spacing, stream)
}

fn plans(
    args: &Args,
    curves: &[Curve],
    spacing: Spacing,
    seed: u64,
) -> Result<Vec<Plan>, RunError> {
    if let Some(path) = &args.recorded {
        let text = std::fs::read_to_string(path).map_err(RunError::file(path))?;
        return Plan::recorded(&text).map(|plan| vec![plan]);
    }
    if args.closed {
        // Requests are numbered as by the clock, as many as could ever be asked for.
        let whole = args.warmup + args.duration;
        let curve = Arc::new(Curve::constant(super::plan::RATE_MAX, whole)?);
        return Ok(vec![Plan::Rate { curve, spacing: Spacing::Even, seed }]);
    }
    let plan = |(number, curve): (u64, &Curve)| Plan::Rate {
        curve: Arc::new(curve.clone()),
        spacing,
        seed: seed.wrapping_add(number),
    };
    Ok((0..).zip(curves).map(plan).collect())
}

/// How many questions to prepare for each stream: one for each request, as far as there is room.
fn counts(args: &Args, curves: &[Curve], streams: &[StreamSpec]) -> Vec<u64> {
    let totals: Vec<f64> = curves.iter().map(|curve| curve.total().max(1.0)).collect();
    let all: f64 = totals.iter().sum();
    let most = args.prepared.map_or(all.min(PREPARED_DEFAULT_MAX), f64::from);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 50 million")]
    let share = |total: &f64| (most * total / all).ceil().max(1.0) as u64;
    let most = |stream: &StreamSpec| stream.cards.map_or(u64::MAX, |_| CARDS_MAX as u64);
    totals.iter().map(share).zip(streams).map(|(count, stream)| count.min(most(stream))).collect()
}

/// Where questions come from.
struct Questions<'a> {
    args: &'a Args,
    population: Option<Population>,
    /// Only if some stream asks with cards.
    cards: Option<Cards>,
    token: Option<String>,
    facility: MedicalInstitutionCode,
    authority: &'a str,
}

impl<'a> Questions<'a> {
    fn new(args: &'a Args, target: &'a Target) -> Result<Self, RunError> {
        let population = args.population.as_deref().map(source::load).transpose()?;
        let token = match args.interface {
            Interface::OqsJson if population.is_some() => Some(log_in(args, target)?),
            Interface::OqsJson | Interface::V1 | Interface::OqsXml => None,
        };
        let facility = args.medical_institution_code.or(target.code(0));
        let facility = match (facility, args.interface) {
            (Some(facility), _) => facility,
            (None, Interface::V1) => {
                MedicalInstitutionCode::parse(NO_FACILITY).map_err(|_| RunError::NoFacility)?
            }
            (None, Interface::OqsJson | Interface::OqsXml) => return Err(RunError::NoFacility),
        };
        let authority = &target.authority;
        Ok(Self { args, population, cards: None, token, facility, authority })
    }

    fn make(
        &self,
        count: u64,
        mix: Mix,
        seed: u64,
        bar: &ProgressBar,
    ) -> Result<Prepared, RunError> {
        let path = self.args.constant_path.as_deref();
        let Some(population) = &self.population else {
            // INVARIANT: the options require a population unless there is a path.
            return Ok(Prepared::constant(self.authority, path.unwrap_or("/")));
        };
        let on: Day = self.args.date.unwrap_or(population.spec().date);
        let style = Style {
            path,
            interface: self.args.interface,
            authority: self.authority,
            token: self.token.as_deref(),
            facility: self.facility,
            on: on.saturating_add_days(mix.days_ahead),
            mix,
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let block = |block| population.block(block);
        let people = people(population, &block);
        Prepared::lookups(count, &people, &style, seed, || bar.inc(1))
    }

    fn visits(
        &self,
        count: u64,
        mix: CardMix,
        seed: u64,
        bar: &ProgressBar,
    ) -> Result<Visits, RunError> {
        let (Some(population), Some(cards)) = (&self.population, &self.cards) else {
            let reason = "visits with cards need the people who hold them".to_owned();
            return Err(RunError::Option { option: "--population", reason });
        };
        let style = VisitStyle {
            authority: self.authority,
            on: self.args.date.unwrap_or(population.spec().date),
            mix,
            now: u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default(),
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let block = |block| population.block(block);
        let people = people(population, &block);
        Visits::prepare(count, &people, cards, &style, seed, || bar.inc(1))
    }
}

fn people<'p>(
    population: &'p Population,
    block: &'p dyn Fn(u64) -> Vec<Vec<Registration<'static>>>,
) -> People<'p> {
    let persons = population.spec().persons;
    People { persons, block_persons: BLOCK, block, insurers: population.insurers() }
}

fn log_in(args: &Args, target: &Target) -> Result<String, RunError> {
    let (Some(user), Some(path)) = (&args.user, &args.password_file) else {
        return Err(RunError::Option {
            option: "--user, --password-file",
            reason: "--interface oqs-json needs both".to_owned(),
        });
    };
    let password = std::fs::read_to_string(path).map_err(RunError::file(path))?;
    login::log_in(target, user, password.trim_end_matches(['\r', '\n']), args.timeout)
}

fn describe(
    args: &Args,
    scenario: &Scenario,
    setup: &Setup,
    curves: &[Curve],
    seed: u64,
) -> Description {
    let size = |stream: &StreamSetup| match &stream.visits {
        None => stream.prepared.size(),
        Some(visits) => visits.size(),
    };
    let sizes = setup.streams.iter().map(size);
    let (questions, bytes) = sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
    let measured = setup.duration.as_secs_f64();
    let warmup = setup.warmup.as_secs_f64();
    let due = |curve: &Curve| curve.total() - curve.count_until(warmup);
    let (target_per_second, plan, spacing) = match (setup.model, &args.recorded) {
        (Model::Closed, _) => (None, Vec::new(), Spacing::Even),
        (Model::Open, Some(_)) => {
            let plan = setup.streams.first().map(|stream| stream.plan.share(0, 1));
            let due = plan.into_iter().flatten().filter(|(_, due)| *due >= setup.warmup).count();
            (Some(due as f64 / measured), Vec::new(), Spacing::Recorded)
        }
        (Model::Open, None) => {
            let due: f64 = curves.iter().map(due).sum();
            (Some(due / measured), scenario::sum(curves), scenario.spacing)
        }
    };
    let interface = clap::ValueEnum::to_possible_value(&args.interface);
    let interface = interface.map_or_else(String::new, |name| name.get_name().to_owned());
    let name = args.scenario.as_deref().and_then(|path| path.file_stem()?.to_str());
    Description {
        scenario: name.unwrap_or("lookups").to_owned(),
        title: scenario.title.clone(),
        model: setup.model,
        spacing,
        target: setup.target.authority.clone(),
        tls: setup.target.is_tls(),
        questions: match &args.constant_path {
            Some(path) => format!("constant {path}"),
            None => interface,
        },
        facilities: u32::try_from(setup.target.facilities()).unwrap_or(u32::MAX),
        connections: setup.streams.iter().map(|stream| stream.connections).sum(),
        prepared_questions: questions as u64,
        prepared_bytes: bytes as u64,
        warmup_seconds: warmup,
        planned_seconds: measured,
        target_per_second,
        plan,
        timeout_seconds: setup.timeout.as_secs_f64(),
        seed,
        started_at: String::new(),
        labels: args.labels.iter().cloned().collect(),
        thresholds: scenario.thresholds.clone(),
    }
}

/// The length of a plan, warm-up included.
pub(super) fn whole(job: &Job) -> Duration {
    job.setup.warmup + job.setup.duration
}
