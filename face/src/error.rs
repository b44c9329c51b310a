//! What can go wrong with pictures and models.

use crate::detect::NoFace;
use crate::policy::Policy;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a picture or a model cannot be used. Texts never hold pixels, scores or embeddings.
#[derive(Debug, Error)]
pub enum FaceError {
    /// Neither JPEG, PNG nor JPEG 2000, whatever the file's name says.
    #[error("not a picture in JPEG, PNG or JPEG 2000: convert it to one of them")]
    PictureFormat,
    /// More bytes than [`crate::decode::BYTES_MAX`] or [`crate::decode::JP2_BYTES_MAX`].
    #[error(
        "the picture's file has {bytes} bytes, {} are the most (JPEG 2000: {}): save it smaller",
        crate::decode::BYTES_MAX,
        crate::decode::JP2_BYTES_MAX
    )]
    PictureBytes {
        /// The file's size in bytes.
        bytes: usize,
    },
    /// A side or the number of pixels is out of range.
    #[error(
        "the picture has {width} x {height} pixels: sides of {} to {} and at most {} pixels are read (JPEG 2000: {})",
        crate::decode::SIDE_MIN,
        crate::decode::SIDE_MAX,
        crate::decode::PIXELS_MAX,
        crate::decode::JP2_PIXELS_MAX
    )]
    PictureSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The picture is cut off or breaks its format's rules.
    #[error("the {format} picture is damaged: take or export it again ({reason})")]
    PictureDamaged {
        /// The format's name.
        format: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// Colours that are neither grey nor RGB.
    #[error("the picture's colours are neither grey nor RGB: convert it to RGB")]
    PictureColours,
    /// Several pictures in one file.
    #[error("the picture is animated: give a single picture")]
    PictureAnimated,
    /// The manifest cannot be understood.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A file cannot be read.
    #[error("{}: {source}: check the path and its permissions", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The model's file is not the one that its manifest describes.
    #[error("{}: its {what} is not the manifest's: restore the file, or correct the manifest after checking the vendor's hash", path.display())]
    ModelChanged {
        /// The model's file.
        path: PathBuf,
        /// `size` or `sha256`.
        what: &'static str,
    },
    /// The graph cannot be run.
    #[error("model {name} cannot be loaded: {reason}")]
    ModelGraph {
        /// The model's name in the manifest.
        name: String,
        /// What is wrong and, where known, what to do.
        reason: String,
    },
    /// The model failed while it ran.
    #[error("model {name} failed: {reason}: run `shikaku-face check-model`")]
    ModelRun {
        /// The model's name in the manifest.
        name: String,
        /// What the runtime said.
        reason: String,
    },
    /// The model's answer cannot be used.
    #[error(
        "model {name} answers {what}: check the manifest's input and output, or ask its vendor"
    )]
    ModelOutput {
        /// The model's name in the manifest.
        name: String,
        /// What it answers.
        what: &'static str,
    },
    /// The self-test's answer is not the golden one.
    #[error(
        "model {name} fails its self-test: the golden output differs by {difference:e}, {tolerance:e} is allowed: check layout, mean and scale, or record the golden output anew"
    )]
    SelfTest {
        /// The model's name in the manifest.
        name: String,
        /// The greatest absolute difference of one value.
        difference: f32,
        /// What the manifest allows.
        tolerance: f32,
    },
    /// No model of this role.
    #[error("the manifest has no model of the role {role}: add one")]
    NoModel {
        /// The role.
        role: &'static str,
    },
    /// No threshold for this false-match rate.
    #[error(
        "the embedder has no threshold for a false-match rate of {fmr:e}: calibrate it for that rate, or choose a rate that its manifest lists"
    )]
    NoThreshold {
        /// The rate that was asked for.
        fmr: f64,
    },
    /// A setting of policy or pool is out of range.
    #[error("{what}: correct the configuration")]
    PolicyRange {
        /// Which, and what it may be.
        what: &'static str,
    },
    /// The manifest has no threshold that keeps the policy.
    #[error(
        "a false-match rate of {:e} over {} frames and {} tries needs a threshold at {wanted:.1e} for one comparison, the manifest's lowest is {}: calibrate the embedder for that rate, or choose a higher rate, fewer frames or fewer tries",
        policy.fmr, policy.frames, policy.tries, lowest.map_or_else(|| "none".to_owned(), |lowest| format!("{lowest:e}"))
    )]
    PolicyRate {
        /// What was asked for.
        policy: Box<Policy>,
        /// The rate of one comparison that this needs.
        wanted: f64,
        /// The lowest calibrated rate.
        lowest: Option<f64>,
    },
    /// The manifest has no such row of liveness.
    #[error(
        "the liveness model has no threshold for an APCER of {apcer}, its manifest lists {rows:?}: choose one of them"
    )]
    PolicyLiveness {
        /// What was asked for.
        apcer: f64,
        /// What there is.
        rows: Vec<f64>,
    },
    /// A card's photograph does not show one face.
    #[error(
        "the card's photograph shows {}: let staff compare it",
        match what { NoFace::Nobody => "no face", NoFace::Several => "several faces" }
    )]
    CardFace {
        /// What it shows.
        what: NoFace,
    },
    /// Too many requests wait for an actor.
    #[error("more than {limit} pictures wait to be looked at: ask again in a moment")]
    PoolBusy {
        /// Actors and waiting places.
        limit: usize,
    },
    /// A request waited too long for an actor.
    #[error("the picture waited too long and was not looked at: send a new one")]
    PoolLate,
    /// An actor worked too long on a request.
    #[error("looking at the picture took too long and was given up: send a new one")]
    PoolHung,
    /// An actor panicked on a request.
    #[error(
        "looking at the picture failed by a defect: send a new one, and report it with the log"
    )]
    PoolFault,
    /// No actor can work.
    #[error("faces cannot be compared, the service has stopped: use another way, and restart it")]
    PoolStopped,
    /// A wrong use of the embedder does no harm, so its manifest describes a wrong use.
    #[error(
        "model {name}: {what} should lower the scores of one person's pictures and raises them by {by:.4}: check the manifest's channels, mean, scale and alignment, and that the pictures are of one person"
    )]
    Probe {
        /// The model's name in the manifest.
        name: String,
        /// What was done wrong on purpose.
        what: &'static str,
        /// The mean difference of the scores.
        by: f64,
    },
    /// A set of pictures cannot be evaluated.
    #[error("{}: {reason}", path.display())]
    Set {
        /// The set.
        path: PathBuf,
        /// What it lacks.
        reason: String,
    },
    /// A set has too few pairs for a false-match rate.
    #[error(
        "{pairs} pairs of strangers cannot show a false-match rate of {fmr:e}: {needed} are needed; add people, or choose a higher rate"
    )]
    TooFewPairs {
        /// The rate that was asked for.
        fmr: f64,
        /// Pairs of strangers in the set.
        pairs: usize,
        /// Pairs that the rate needs.
        needed: u64,
    },
    /// The report's charts cannot be drawn.
    #[error("{0}; please report this with the set's numbers")]
    Chart(#[from] shikaku_page::ChartError),
}

impl FaceError {
    /// Whether it is the picture's own: it cannot be read, or a card's photograph shows not one face.
    #[must_use]
    pub const fn is_about_picture(&self) -> bool {
        matches!(
            self,
            Self::PictureFormat
                | Self::PictureBytes { .. }
                | Self::PictureSize { .. }
                | Self::PictureDamaged { .. }
                | Self::PictureColours
                | Self::PictureAnimated
                | Self::CardFace { .. }
        )
    }

    /// The stable code of this error, never reused.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PictureFormat => "SHK-FAC-001",
            Self::PictureBytes { .. } => "SHK-FAC-002",
            Self::PictureSize { .. } => "SHK-FAC-003",
            Self::PictureDamaged { .. } => "SHK-FAC-004",
            Self::PictureColours => "SHK-FAC-005",
            Self::PictureAnimated => "SHK-FAC-006",
            Self::Manifest { .. } => "SHK-FAC-007",
            Self::File { .. } => "SHK-FAC-008",
            Self::ModelChanged { .. } => "SHK-FAC-009",
            Self::ModelGraph { .. } => "SHK-FAC-010",
            Self::ModelRun { .. } => "SHK-FAC-011",
            Self::ModelOutput { .. } => "SHK-FAC-012",
            Self::SelfTest { .. } => "SHK-FAC-013",
            Self::NoModel { .. } => "SHK-FAC-014",
            Self::NoThreshold { .. } => "SHK-FAC-015",
            Self::PolicyRange { .. } => "SHK-FAC-016",
            Self::PolicyRate { .. } => "SHK-FAC-017",
            Self::PolicyLiveness { .. } => "SHK-FAC-018",
            Self::CardFace { .. } => "SHK-FAC-019",
            Self::PoolBusy { .. } => "SHK-FAC-020",
            Self::PoolLate => "SHK-FAC-021",
            Self::PoolHung => "SHK-FAC-022",
            Self::PoolFault => "SHK-FAC-023",
            Self::PoolStopped => "SHK-FAC-024",
            Self::Probe { .. } => "SHK-FAC-025",
            Self::Set { .. } => "SHK-FAC-030",
            Self::TooFewPairs { .. } => "SHK-FAC-031",
            Self::Chart(_) => "SHK-FAC-032",
        }
    }

    /// The same in Japanese: what happened and what to do.
    #[must_use]
    pub const fn ja(&self) -> &'static str {
        match self {
            Self::PictureFormat => {
                "JPEG、PNG、JPEG 2000のいずれでもありません。いずれかに変換してください。"
            }
            Self::PictureBytes { .. } => "画像ファイルが大きすぎます。小さく保存し直してください。",
            Self::PictureSize { .. } => "画像の縦横の画素数が範囲外です。大きさを変えてください。",
            Self::PictureDamaged { .. } => "画像が壊れています。撮り直すか、出力し直してください。",
            Self::PictureColours => {
                "画像の色がグレーでもRGBでもありません。RGBに変換してください。"
            }
            Self::PictureAnimated => "動画像は使えません。一枚の画像を指定してください。",
            Self::Manifest { .. } => {
                "モデルのマニフェストに誤りがあります。該当箇所を直してください。"
            }
            Self::File { .. } => "ファイルを読めません。パスと権限を確認してください。",
            Self::ModelChanged { .. } => {
                "モデルファイルがマニフェストと一致しません。正しいファイルに戻してください。"
            }
            Self::ModelGraph { .. } => "モデルを読み込めません。別の形式で書き出してください。",
            Self::ModelRun { .. } => {
                "モデルの実行に失敗しました。shikaku-face check-modelで確認してください。"
            }
            Self::ModelOutput { .. } => {
                "モデルの出力が使えません。マニフェストの入出力を確認してください。"
            }
            Self::SelfTest { .. } => {
                "モデルの自己診断に失敗しました。配置、平均、倍率を確認してください。"
            }
            Self::NoModel { .. } => {
                "必要な役割のモデルがありません。マニフェストに追加してください。"
            }
            Self::NoThreshold { .. } => {
                "指定の他人受入率のしきい値がありません。校正するか、別の値を選んでください。"
            }
            Self::PolicyRange { .. } => "設定値が範囲外です。設定を直してください。",
            Self::PolicyRate { .. } => {
                "他人受入率に見合うしきい値がありません。校正するか、率、枚数、回数を見直してください。"
            }
            Self::PolicyLiveness { .. } => {
                "生体検知のしきい値がありません。マニフェストにある値を選んでください。"
            }
            Self::CardFace { .. } => {
                "カードの写真から顔を一つ見つけられません。職員が目視で確認してください。"
            }
            Self::PoolBusy { .. } => "顔認証が混み合っています。少し待ってからやり直してください。",
            Self::PoolLate => "順番待ちが長すぎました。もう一度撮影してください。",
            Self::PoolHung => "顔の照合に時間がかかりすぎました。もう一度撮影してください。",
            Self::PoolFault => {
                "顔の照合中に不具合が起きました。もう一度撮影し、記録を添えて報告してください。"
            }
            Self::PoolStopped => "顔認証が止まっています。別の方法を使い、再起動してください。",
            Self::Probe { .. } => {
                "前処理の設定が疑わしいです。色の順、平均、倍率、位置合わせを確認してください。"
            }
            Self::Set { .. } => {
                "画像の集合を評価できません。人ごとのフォルダーまたは組の一覧を確認してください。"
            }
            Self::TooFewPairs { .. } => {
                "指定の他人受入率には他人の組が足りません。人を増やすか、高い値を選んでください。"
            }
            Self::Chart(_) => "図を描けません。評価の数値を添えて報告してください。",
        }
    }

    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}
