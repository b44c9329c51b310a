//! The networks of faces beside onnxruntime: single-threaded, in turn within one run, on the same
//! numbers, and what both answer.
//!
//! Times are the running thread's CPU time, so that a busy machine disturbs them less. Beside our own
//! models stand two graphs of the sizes that others bring, with weights from a seed.

mod runtime;

use super::report::{Report, machine, machine_text, table};
use super::say;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use runtime::{Ask, Runtime};
use serde_json::json;
use shikaku_benches::{BenchError, Pinned, SEED, Summary, own_cpu_seconds, summary};
use shikaku_face::manifest::{Channels, Input, Layout, Manifest, Role};
use shikaku_face::network::Network;
use std::fs;
use std::path::{Path, PathBuf};

/// Between two answers to the same input, as a part of the greatest number in it, if that is above 1.
const WANTED_DIFFERENCE: f64 = 1e-5;
/// How long one round of one runtime takes at least, in seconds, unless it has the fewest runs.
const ROUND_SECONDS: f64 = 0.3;
/// Runs of one round.
const RUNS: std::ops::RangeInclusive<u32> = 3..=100;

#[derive(clap::Args)]
pub(super) struct Args {
    /// A Python environment with the packages of `benches/face/requirements.txt`.
    #[arg(long)]
    python: PathBuf,
    /// The folder of the Python programs.
    #[arg(long, default_value = "benches/face")]
    programs: PathBuf,
    /// The manifest of our models.
    #[arg(long, default_value = "models/manifest.toml")]
    manifest: PathBuf,
    /// Rounds: in each, both runtimes run each model, one after the other.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
}

/// A network that both run.
struct Subject {
    name: String,
    /// At most this many times onnxruntime's time.
    wanted: f64,
    network: Network,
    feed: Feed,
}

/// A model's file and what goes in, for us and where onnxruntime reads it.
struct Feed {
    file: PathBuf,
    input: Input,
    output: String,
    values: Vec<f32>,
    values_file: PathBuf,
}

impl Feed {
    fn new(file: PathBuf, input: Input, output: String) -> Result<Self, BenchError> {
        let count = input.channels.count() * input.width as usize * input.height as usize;
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        // As pixels are after mean and scale: -1 to 1.
        let value = |_| f32::from(u8::try_from(random.next_u32() >> 24).unwrap_or(0)) / 127.5 - 1.0;
        let values: Vec<f32> = (0..count).map(value).collect();
        let values_file = file.with_extension("f32");
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        fs::write(&values_file, bytes).map_err(BenchError::file(&values_file))?;
        Ok(Self { file, input, output, values, values_file })
    }

    fn shape(&self) -> [u32; 4] {
        let Input { width, height, .. } = self.input;
        let channels = u32::try_from(self.input.channels.count()).unwrap_or(3);
        match self.input.layout {
            Layout::Nchw => [1, channels, height, width],
            Layout::Nhwc => [1, height, width, channels],
        }
    }
}

/// What the rounds of one subject came to.
#[derive(Default)]
struct Measured {
    ours_us: Vec<f64>,
    theirs_us: Vec<f64>,
    ratios: Vec<f64>,
    difference: f64,
}

pub(super) fn measure(args: &Args, out: &Path) -> Result<Report, BenchError> {
    let folder = out.join("face");
    fs::create_dir_all(&folder).map_err(BenchError::file(&folder))?;
    say("writing graphs with weights from a seed");
    runtime::write_graphs(&args.python, &args.programs, &folder)?;
    let subjects = subjects(args, &folder)?;
    let mut runtime = Runtime::start(&args.python, &args.programs)?;
    let mut version = String::new();
    let mut measured: Vec<Measured> = subjects.iter().map(|_| Measured::default()).collect();
    for round in 0..=args.rounds {
        say(&format!(
            "round {round} of {}{}",
            args.rounds,
            if round == 0 { ": warming up" } else { "" }
        ));
        for (subject, sums) in subjects.iter().zip(&mut measured) {
            version = one_round(subject, sums, round, &mut runtime)?;
        }
    }
    Ok(report(args, &subjects, &measured, &version))
}

/// Both runtimes on one subject, the first one in turn. The first round only warms up and compares.
fn one_round(
    subject: &Subject,
    sums: &mut Measured,
    round: u32,
    runtime: &mut Runtime,
) -> Result<String, BenchError> {
    let runs = if round == 0 { *RUNS.start() } else { runs(&sums.ours_us) };
    let feed = &subject.feed;
    let ask = Ask {
        model: &feed.file,
        input: &feed.values_file,
        name: &feed.input.name,
        shape: feed.shape(),
        output: &feed.output,
        runs,
    };
    let (ours, theirs) = if round.is_multiple_of(2) {
        let ours = run(subject, runs)?;
        (ours, runtime.run(&ask)?)
    } else {
        let theirs = runtime.run(&ask)?;
        (run(subject, runs)?, theirs)
    };
    let (us, answer) = ours;
    let pairs = answer.iter().zip(&theirs.answer);
    let difference = pairs.map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
    let greatest = theirs.answer.iter().map(|number| number.abs()).fold(1.0, f64::max);
    if answer.len() != theirs.answer.len() || answer.is_empty() {
        return Err(BenchError::WrongAnswers { count: 1 });
    }
    sums.difference = sums.difference.max(difference / greatest);
    let (ours, theirs_us) = (summary(us).median, summary(theirs.us).median);
    // The warm-up only tells how many runs a round has.
    if round == 1 {
        sums.ours_us.clear();
    }
    sums.ours_us.push(ours);
    if round > 0 {
        sums.theirs_us.push(theirs_us);
        sums.ratios.push(ours / theirs_us.max(1e-9));
    }
    Ok(theirs.version)
}

fn runs(before_us: &[f64]) -> u32 {
    let one = summary(before_us.iter().copied()).median.max(1.0) / 1e6;
    let wanted = u32::try_from(shikaku_benches::whole(ROUND_SECONDS / one)).unwrap_or(*RUNS.end());
    wanted.clamp(*RUNS.start(), *RUNS.end())
}

/// Microseconds of each run, and the last answer.
fn run(subject: &Subject, runs: u32) -> Result<(Vec<f64>, Vec<f32>), BenchError> {
    let (mut us, mut answer) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let start = own_cpu_seconds();
        answer = subject.network.run(&subject.feed.values)?;
        us.push((own_cpu_seconds() - start) * 1e6);
    }
    Ok((us, answer))
}

/// The models of the manifest and the graphs of the folder.
fn subjects(args: &Args, folder: &Path) -> Result<Vec<Subject>, BenchError> {
    let manifest = Manifest::read(&args.manifest)?;
    let mut subjects = Vec::new();
    for model in manifest.models() {
        let wanted = match model.role {
            Role::Detector => 1.5,
            Role::Landmarks | Role::Embedder | Role::Liveness | Role::Covering => 0.8,
        };
        let file = folder.join(format!("{}.onnx", model.role.name()));
        fs::write(&file, manifest.onnx(model)?).map_err(BenchError::file(&file))?;
        let feed = Feed::new(file, model.input.clone(), model.output.name.clone())?;
        let (name, network) = (model.name.clone(), manifest.network(model)?);
        subjects.push(Subject { name, wanted, network, feed });
    }
    for (name, wanted) in [("mobilefacenet", 0.8), ("iresnet50", 1.1)] {
        let file = folder.join(format!("{name}.onnx"));
        let onnx = fs::read(&file).map_err(BenchError::file(&file))?;
        let input = Input {
            name: "face".to_owned(),
            layout: Layout::Nchw,
            width: 112,
            height: 112,
            channels: Channels::Rgb,
            mean: vec![0.0; 3],
            scale: vec![1.0; 3],
            alignment: None,
            crop_scale: None,
        };
        let network = Network::load(name, &onnx, &input, "embedding")?;
        let name = format!("{name}, weights from a seed");
        let feed = Feed::new(file, input, "embedding".to_owned())?;
        subjects.push(Subject { name, wanted, network, feed });
    }
    Ok(subjects)
}

fn report(args: &Args, subjects: &[Subject], measured: &[Measured], version: &str) -> Report {
    let numbers: Vec<_> = subjects
        .iter()
        .zip(measured)
        .map(|(subject, sums)| {
            let of = |numbers: &[f64]| summary(numbers.iter().copied());
            (subject, of(&sums.ours_us), of(&sums.theirs_us), of(&sums.ratios), sums.difference)
        })
        .collect();
    let ms = |us: Summary| {
        let Summary { median, min, max } = us;
        Summary { median: median / 1e3, min: min / 1e3, max: max / 1e3 }.text(2)
    };
    let rows: Vec<_> = numbers
        .iter()
        .map(|(subject, ours, theirs, ratio, difference)| {
            let is_met = ratio.median <= subject.wanted && *difference <= WANTED_DIFFERENCE;
            vec![
                subject.name.clone(),
                ms(*ours),
                ms(*theirs),
                ratio.text(2),
                format!("{:.1}", subject.wanted),
                format!("{difference:.1e}"),
                if is_met { "yes" } else { "no" }.to_owned(),
            ]
        })
        .collect();
    let machine = machine(Pinned::No);
    let head = [
        "network",
        "ours, ms",
        "onnxruntime, ms",
        "ours / onnxruntime",
        "wanted",
        "greatest difference",
        "met",
    ];
    let markdown = format!(
        "# Networks of faces beside onnxruntime\n\n{rounds} rounds, onnxruntime {version}, one thread, a \
         batch of one, in turn. CPU time of a run: median (range) of the rounds' medians. Answers may \
         differ by {WANTED_DIFFERENCE:e}.\n\n{table}\n{machine}",
        rounds = args.rounds,
        table = table(&head, &rows),
        machine = machine_text(&machine),
    );
    let subjects: Vec<_> = numbers
        .iter()
        .map(|(subject, ours, theirs, ratio, difference)| {
            json!({
                "name": subject.name,
                "ours_us": ours.to_json(),
                "onnxruntime_us": theirs.to_json(),
                "ratio": ratio.to_json(),
                "wanted": subject.wanted,
                "difference": difference,
            })
        })
        .collect();
    let json = json!({ "machine": machine, "onnxruntime": version, "rounds": args.rounds, "networks": subjects });
    Report { name: "face".to_owned(), markdown, json }
}
