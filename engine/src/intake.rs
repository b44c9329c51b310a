//! Loading an insurer's file: line by line into the store, in batches, each of which is durable
//! with the place it reached. A load that was cut off goes on behind the last durable line; a file
//! that was loaded already changes nothing.

use shikaku_domain::{InsurerNumber, MemberChange, Registration};
use shikaku_store::{
    ApplyChanges, BATCH_CHANGES_MAX, Batch, CardBinding, FileId, FileProgress, LocalLog,
    OperationId, Reader, StoreError, Writer,
};
use shikaku_wire::members::{
    CardLine, Content, FileError, FileKind, MemberFile, Problem, Reject, RejectWriter,
};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use thiserror::Error;
use tokio::sync::Mutex;

/// What the file is to the insurer's members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 差分: the lines are changes; everyone else stays as is.
    Delta,
    /// 全件: the lines are all members; whoever is missing is withdrawn.
    Full,
}

impl Mode {
    /// `delta` or `full`: the parameter's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delta => "delta",
            Self::Full => "full",
        }
    }

    /// The mode with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Delta, Self::Full].into_iter().find(|mode| mode.name() == name)
    }
}

/// How to load a file.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Changes or everyone.
    pub mode: Mode,
    /// The insurer the sender may speak for; `None` for an operator, who may load all.
    pub insurer: Option<InsurerNumber>,
    /// When the file is loaded, in Unix seconds.
    pub at: u64,
    /// Most members that a full replacement may remove, in percent of those before.
    pub removal_percent_max: u8,
}

/// Why a file was not loaded as a whole.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// The file as such cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store cannot take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The reject file cannot be written.
    #[error("the reject file cannot be written: {0}")]
    Rejects(std::io::Error),
    /// The engine is stopping. What was loaded stays; send the file again to go on.
    #[error("stopped at line {line}: load the same file again and it goes on from there")]
    Interrupted {
        /// The last line that is in.
        line: u64,
    },
    /// A full replacement must name one insurer.
    #[error("a full replacement must contain lines of one insurer only, and at least one")]
    FullNeedsOneInsurer,
    /// A bulk load that was cut off is to go on with another file of the same name.
    #[error(
        "{} is not the file whose bulk load was cut off: give that file to go on, or remove the \
         folder `bulk` in the store to begin anew",
        path.display()
    )]
    BulkChanged {
        /// The file given.
        path: PathBuf,
    },
    /// A list of insurers among the files of a bulk load that are read at once.
    #[error("standard input must be a members' file: load the list of insurers from a file")]
    BulkNeedsMembers,
    /// An insurer master was sent as a full replacement, or by an insurer.
    #[error("a list of insurers is loaded by an operator, as a delta; a list of cards as a delta")]
    MasterNotHere,
}

impl IntakeError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::File(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Rejects(_) => "SHK-INT-001",
            Self::Interrupted { .. } => "SHK-INT-002",
            Self::FullNeedsOneInsurer => "SHK-INT-003",
            Self::MasterNotHere => "SHK-INT-004",
            Self::BulkChanged { .. } => "SHK-INT-006",
            Self::BulkNeedsMembers => "SHK-INT-007",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::File(error) => error.ja(),
            Self::Store(error) => error.staff_ja(),
            Self::Rejects(_) => {
                "エラー一覧を書き込めません。空き容量と権限を確認してください。".to_owned()
            }
            Self::Interrupted { line } => format!(
                "{line}行目まで登録して中断しました。同じファイルをもう一度登録すると続きから再開します。"
            ),
            Self::FullNeedsOneInsurer => {
                "全件登録のファイルには、1つの保険者の行だけを含めてください。".to_owned()
            }
            Self::BulkChanged { path } => format!(
                "{}は中断した一括登録のファイルと異なります。同じファイルを指定するか、保存先のフォルダーbulkを削除して最初からやり直してください。",
                path.display()
            ),
            Self::BulkNeedsMembers => {
                "標準入力には加入者のファイルを指定し、保険者一覧はファイルから登録してください。"
                    .to_owned()
            }
            Self::MasterNotHere => {
                "保険者一覧は運用者が、カード一覧とともに差分として登録してください。".to_owned()
            }
        }
    }
}

/// What became of the members that a full replacement does not list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Removal {
    /// Not a full replacement.
    #[default]
    None,
    /// They were withdrawn.
    Done {
        /// Registrations withdrawn.
        removed: u64,
    },
    /// They stay, because lines were rejected: whose lines those were is not certain.
    WithheldForRejects {
        /// Registrations that would have gone.
        absent: u64,
    },
    /// They stay, because too many would go: the file may be cut off.
    WithheldAsTooMany {
        /// Registrations that would have gone.
        absent: u64,
        /// Registrations before.
        of: u64,
    },
}

impl Removal {
    /// Whether sending the file again would change nothing. What is withheld as too many waits for
    /// somebody to look at the file and allow more; rejected lines stay so in the same file.
    const fn is_settled(self) -> bool {
        match self {
            Self::None | Self::Done { .. } | Self::WithheldForRejects { .. } => true,
            Self::WithheldAsTooMany { .. } => false,
        }
    }
}

/// What a file brought.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadSummary {
    /// Lines read, what became of them, gaps and overlaps between insurers.
    pub progress: FileProgress,
    /// Insurers registered or renamed.
    pub insurers: u64,
    /// Lines that an earlier, interrupted load had already brought in.
    pub resumed_after: u64,
    /// Whether the whole file had been loaded before; then nothing was done.
    pub repeated: bool,
    /// What became of the members not listed.
    pub removal: Removal,
}

/// The places a load works with.
pub struct Desk<'a> {
    /// The log's writer, taken for each batch: its lock is fair, so that a card at a counter waits
    /// for one batch and not for a whole file.
    pub writer: &'a Mutex<Writer<LocalLog>>,
    /// The shards.
    pub shards: &'a dyn ApplyChanges,
    /// Reads what is there.
    pub reader: &'a Reader,
    /// Set when the load must stop after the current batch.
    pub stop: &'a AtomicBool,
}

/// Loads a file. `id` names its contents; `progress` hears the number of lines done.
///
/// # Errors
/// [`IntakeError`]; whatever had been acknowledged until then stays.
pub fn load<R: Read, W: Write>(
    source: R,
    id: FileId,
    options: LoadOptions,
    desk: &mut Desk<'_>,
    mut rejects: RejectWriter<W>,
    progress: &mut dyn FnMut(u64),
) -> Result<LoadSummary, IntakeError> {
    let before = desk.reader.progress(&id)?.unwrap_or_default();
    let mut file = MemberFile::open(source)?;
    let master = file.kind() == FileKind::Insurers;
    let lists_members = file.kind() == FileKind::Members;
    if master && options.insurer.is_some() || !lists_members && options.mode == Mode::Full {
        return Err(IntakeError::MasterNotHere);
    }
    let mut load = Load {
        id,
        options,
        only: options.insurer,
        before,
        progress: FileProgress { lines: 0, rejected: 0, complete: false, ..before },
        pending: Vec::with_capacity(BATCH_CHANGES_MAX),
        cards: Vec::new(),
        insurers: Vec::new(),
        listed: HashSet::new(),
    };
    while let Some(line) = file.next() {
        let line = line?;
        let number = line.number;
        load.progress.lines = number;
        let rejected = match line.content {
            Ok(Content::Insurer(insurer)) => {
                load.insurers.push(insurer);
                Vec::new()
            }
            Ok(Content::Member(change)) => load.member(number, change, desk.reader),
            Ok(Content::Card(card)) => load.card(number, &card, desk.reader)?,
            Err(rejected) => rejected,
        };
        if !rejected.is_empty() {
            load.progress.rejected += 1;
            rejected.iter().try_for_each(|r| rejects.write(r)).map_err(IntakeError::Rejects)?;
        }
        if load.pending.len().max(load.cards.len()) == BATCH_CHANGES_MAX {
            load.submit(desk, false)?;
            progress(number);
            if desk.stop.load(Ordering::SeqCst) {
                return Err(IntakeError::Interrupted { line: number });
            }
        }
    }
    let lines = load.progress.lines;
    let summary = load.finish(desk)?;
    let mut written = rejects.finish().map_err(IntakeError::Rejects)?;
    written.flush().map_err(IntakeError::Rejects)?;
    progress(lines);
    Ok(summary)
}

/// Whose card a line means: its insurance card must lead to one person.
///
/// # Errors
/// What the store reports.
pub(crate) fn binding(
    card: &CardLine,
    at: u64,
    reader: &Reader,
) -> Result<Result<CardBinding, Problem>, StoreError> {
    let CardLine { certificate, holder } = *card;
    let mut persons = reader.with_card(&holder, |all| {
        let matching = all.iter().filter(|one| holder.matches(one));
        matching.map(|one| one.person).collect::<Vec<_>>()
    })?;
    persons.dedup();
    Ok(match persons.as_slice() {
        [] => Err(Problem::NobodyWithCard),
        [person] => Ok(CardBinding { certificate, person: *person, at }),
        [..] => Err(Problem::SeveralWithCard),
    })
}

/// A load under way.
struct Load {
    id: FileId,
    options: LoadOptions,
    /// The one insurer whose lines are taken: the sender's, or a full replacement's first.
    only: Option<InsurerNumber>,
    /// How far an earlier load of the same file came.
    before: FileProgress,
    progress: FileProgress,
    pending: Vec<MemberChange<'static>>,
    cards: Vec<CardBinding>,
    insurers: Vec<shikaku_domain::Insurer>,
    /// Digests of the registrations that a full replacement lists.
    listed: HashSet<u64>,
}

impl Load {
    /// Takes one change, or says why not.
    fn member(&mut self, line: u64, change: MemberChange<'_>, reader: &Reader) -> Vec<Reject> {
        let insurer = match &change {
            MemberChange::Put(registration) => registration.card.insurer,
            MemberChange::Withdraw { card, .. } => card.insurer,
        };
        if self.options.mode == Mode::Full {
            self.only.get_or_insert(insurer);
        }
        if self.only.is_some_and(|only| only != insurer) {
            return vec![of_insurer(line, Problem::OtherInsurer)];
        }
        if reader.insurer(insurer).is_none() {
            return vec![of_insurer(line, Problem::UnknownInsurer)];
        }
        if self.options.mode == Mode::Full
            && let MemberChange::Put(registration) = &change
        {
            self.listed.insert(identity(registration));
        }
        if line > self.before.lines {
            self.pending.push(change.into_owned());
        }
        Vec::new()
    }

    /// Takes one card, or says why not.
    fn card(
        &mut self,
        line: u64,
        card: &CardLine,
        reader: &Reader,
    ) -> Result<Vec<Reject>, StoreError> {
        if self.only.is_some_and(|only| only != card.holder.insurer) {
            return Ok(vec![of_insurer(line, Problem::OtherInsurer)]);
        }
        Ok(match binding(card, self.options.at, reader)? {
            Ok(binding) => {
                if line > self.before.lines {
                    self.cards.push(binding);
                }
                Vec::new()
            }
            Err(problem) => vec![Reject { line, column: None, problem }],
        })
    }

    /// Makes what is pending durable, together with how far the file was read.
    fn submit(&mut self, desk: &mut Desk<'_>, complete: bool) -> Result<(), StoreError> {
        self.progress.complete = complete;
        if !self.cards.is_empty() {
            let operation = operation(&self.id, "cards", self.progress.lines);
            let progress = (&self.id, &FileProgress { complete: false, ..self.progress });
            let cards = std::mem::take(&mut self.cards);
            let mut writer = desk.writer.blocking_lock();
            let summary = writer.bind_cards(operation, &cards, progress, desk.shards)?;
            self.progress = self.progress.with(&summary);
        }
        let step = if complete { "complete" } else { "lines" };
        let batch = Batch {
            operation: operation(&self.id, step, self.progress.lines),
            changes: std::mem::take(&mut self.pending),
            progress: Some((self.id, self.progress)),
        };
        let summary = desk.writer.blocking_lock().submit(&batch, desk.shards)?;
        self.progress = self.progress.with(&summary);
        Ok(())
    }

    fn finish(mut self, desk: &mut Desk<'_>) -> Result<LoadSummary, IntakeError> {
        let mut summary = LoadSummary {
            resumed_after: self.before.lines,
            repeated: self.before.complete,
            ..LoadSummary::default()
        };
        if self.options.mode == Mode::Full && self.only.is_none() {
            return Err(IntakeError::FullNeedsOneInsurer);
        }
        for (part, insurers) in self.insurers.chunks(BATCH_CHANGES_MAX).enumerate() {
            summary.insurers += insurers.len() as u64;
            let operation = operation(&self.id, "insurers", part as u64);
            desk.writer.blocking_lock().put_insurers(operation, insurers, desk.shards)?;
        }
        if !self.before.complete {
            if !self.pending.is_empty() || !self.cards.is_empty() {
                self.submit(desk, false)?;
            }
            summary.removal = self.remove_absent(desk)?;
            if summary.removal.is_settled() {
                self.submit(desk, true)?;
            }
        }
        summary.progress = self.progress;
        Ok(summary)
    }

    /// Withdraws the members that a full replacement does not list, unless the file looks wrong.
    fn remove_absent(&mut self, desk: &mut Desk<'_>) -> Result<Removal, IntakeError> {
        let (Mode::Full, Some(insurer)) = (self.options.mode, self.only) else {
            return Ok(Removal::None);
        };
        let (mut of, mut absent) = (0, Vec::new());
        desk.reader.scan_insurer(insurer, |registration| {
            of += 1;
            if !self.listed.contains(&identity(registration)) {
                absent.push(withdrawal(registration));
            }
            ControlFlow::Continue(())
        })?;
        let removed = absent.len() as u64;
        if removed > 0 && self.progress.rejected > 0 {
            return Ok(Removal::WithheldForRejects { absent: removed });
        }
        if removed * 100 > of * u64::from(self.options.removal_percent_max) {
            return Ok(Removal::WithheldAsTooMany { absent: removed, of });
        }
        for part in absent.chunks(BATCH_CHANGES_MAX) {
            let first = part.first().map_or(0, digest_of_withdrawal);
            let batch = Batch {
                operation: operation(&self.id, "absent", first),
                changes: part.to_vec(),
                progress: None,
            };
            desk.writer.blocking_lock().submit(&batch, desk.shards)?;
        }
        Ok(Removal::Done { removed })
    }
}

pub(crate) const fn of_insurer(line: u64, problem: Problem) -> Reject {
    Reject { line, column: Some("InsurerNumber"), problem }
}

fn withdrawal(registration: &Registration<'_>) -> MemberChange<'static> {
    MemberChange::Withdraw {
        person: registration.person,
        card: registration.card.clone().into_owned(),
        qualified: registration.period.start(),
    }
}

/// Digest of what makes a registration itself: person, card, 資格取得年月日.
fn identity(registration: &Registration<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let card = &registration.card;
    registration.person.hash(&mut hasher);
    (card.insurer, card.folded_symbol(), card.number.folded(), card.branch).hash(&mut hasher);
    (card.birthdate, registration.period.start()).hash(&mut hasher);
    hasher.finish()
}

fn digest_of_withdrawal(change: &MemberChange<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let MemberChange::Withdraw { person, card, qualified } = change {
        (person, card.number.folded(), qualified).hash(&mut hasher);
    }
    hasher.finish()
}

/// The idempotency key of one step of one file.
fn operation(id: &FileId, step: &str, at: u64) -> OperationId {
    OperationId::of(&[id.as_bytes(), step.as_bytes(), &at.to_be_bytes()])
}

/// Names a file by its contents and what it is to do: the same file as changes and as everyone
/// is two files.
#[derive(Clone, Default)]
pub struct FileDigest(sha2::Sha256);

impl FileDigest {
    /// Takes the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        sha2::Digest::update(&mut self.0, bytes);
    }

    /// The file's id.
    #[must_use]
    pub fn finish(mut self, mode: Mode) -> FileId {
        self.update(mode.name().as_bytes());
        FileId::from_digest(sha2::Digest::finalize(self.0).into())
    }
}
