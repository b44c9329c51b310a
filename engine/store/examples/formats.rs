//! How entries can lie in table files: bytes a row on disk and in memory, and point reads a second
//! from memory, for each way that was considered; `benches/measured.md` has the figures.
//!
//! usage: formats STORE ROUNDS — reads the entries of shard 0 of a closed store, writes them again
//! in each format beside the store, and asks for them at random, one thread, the formats in turn.

use rocksdb::{
    BlockBasedOptions, BottommostLevelCompaction, Cache, CompactOptions, DB, DBCompressionType,
    DataBlockIndexType, IteratorMode, KeyEncodingType, Options, PlainTableFactoryOptions,
    SliceTransform, WriteBatch, WriteOptions, properties,
};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Point reads of one format in one round.
const READS: usize = 400_000;
const BATCH_ROWS: usize = 4096;
const CACHE_BYTES: usize = 8 << 30;

type Row = (Box<[u8]>, Box<[u8]>);

struct Format {
    name: &'static str,
    options: Options,
    cache: Option<Cache>,
}

fn block(name: &'static str, set: impl Fn(&mut BlockBasedOptions, &mut Options)) -> Format {
    let cache = Cache::new_hyper_clock_cache(CACHE_BYTES, 0);
    let mut blocks = BlockBasedOptions::default();
    let mut options = Options::default();
    blocks.set_format_version(7);
    blocks.set_block_size(4 << 10);
    blocks.set_bloom_filter(10.0, false);
    blocks.set_block_cache(&cache);
    options.set_compression_type(DBCompressionType::Lz4);
    set(&mut blocks, &mut options);
    options.set_block_based_table_factory(&blocks);
    Format { name, options, cache: Some(cache) }
}

fn plain(name: &'static str, ratio: f64, bloom: i32, sparseness: usize) -> Format {
    let mut options = Options::default();
    options.set_plain_table_factory(&PlainTableFactoryOptions {
        user_key_length: 0,
        bloom_bits_per_key: bloom,
        hash_table_ratio: ratio,
        index_sparseness: sparseness,
        huge_page_tlb_size: 0,
        encoding_type: KeyEncodingType::Plain,
        full_scan_mode: false,
        store_index_in_file: true,
    });
    options.set_prefix_extractor(SliceTransform::create("whole", |key| key, None));
    options.set_allow_mmap_reads(true);
    options.set_compression_type(DBCompressionType::None);
    Format { name, options, cache: None }
}

fn formats() -> Vec<Format> {
    let hash = |blocks: &mut BlockBasedOptions| {
        blocks.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    };
    vec![
        block("block 4K, restart 1, hash", |blocks, _| {
            blocks.set_block_restart_interval(1);
            hash(blocks);
        }),
        block("block 4K, restart 1", |blocks, _| blocks.set_block_restart_interval(1)),
        block("block 4K, restart 4", |blocks, _| blocks.set_block_restart_interval(4)),
        block("block 4K, restart 16", |blocks, _| blocks.set_block_restart_interval(16)),
        block("block 4K, restart 4, hash", |blocks, _| {
            blocks.set_block_restart_interval(4);
            hash(blocks);
        }),
        block("block 4K, restart 4, no filter", |blocks, options| {
            blocks.set_block_restart_interval(4);
            options.set_optimize_filters_for_hits(true);
        }),
        block("block 4K, restart 2, no filter", |blocks, options| {
            blocks.set_block_restart_interval(2);
            options.set_optimize_filters_for_hits(true);
        }),
        block("block 4K, restart 1, no filter", |blocks, options| {
            blocks.set_block_restart_interval(1);
            options.set_optimize_filters_for_hits(true);
        }),
        block("block 8K, restart 4", |blocks, _| {
            blocks.set_block_restart_interval(4);
            blocks.set_block_size(8 << 10);
        }),
        block("block 2K, restart 4", |blocks, _| {
            blocks.set_block_restart_interval(4);
            blocks.set_block_size(2 << 10);
        }),
        block("block 4K, restart 4, ZSTD", |blocks, options| {
            blocks.set_block_restart_interval(4);
            options.set_compression_type(DBCompressionType::Zstd);
        }),
        block("block 4K, restart 4, not compressed", |blocks, options| {
            blocks.set_block_restart_interval(4);
            options.set_compression_type(DBCompressionType::None);
        }),
        plain("plain, hash 0.75, bloom 10", 0.75, 10, 16),
        plain("plain, hash 0.75, no bloom", 0.75, 0, 16),
        plain("plain, hash 1.0, no bloom, sparse 4", 1.0, 0, 4),
    ]
}

fn rows(store: &Path) -> Result<Vec<Row>, Box<dyn Error>> {
    let path = store.join("shard-00");
    let options = Options::default();
    let families = DB::list_cf(&options, &path)?;
    let db = DB::open_cf_for_read_only(&options, &path, families, false)?;
    Ok(db.iterator(IteratorMode::Start).collect::<Result<_, _>>()?)
}

/// Writes the rows and gives the database, sorted in one level, with its bytes on disk.
fn fill(format: &mut Format, path: &Path, rows: &[Row]) -> Result<(DB, f64), Box<dyn Error>> {
    let options = &mut format.options;
    options.create_if_missing(true);
    options.set_write_buffer_size(256 << 20);
    options.set_target_file_size_base(256 << 20);
    let db = DB::open(options, path)?;
    let mut no_log = WriteOptions::default();
    no_log.disable_wal(true);
    for part in rows.chunks(BATCH_ROWS) {
        let mut batch = WriteBatch::default();
        part.iter().for_each(|(key, value)| batch.put(key, value));
        db.write_opt(batch, &no_log)?;
    }
    db.flush()?;
    let mut rewrite = CompactOptions::default();
    rewrite.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
    db.compact_range_opt(None::<&[u8]>, None::<&[u8]>, &rewrite);
    let bytes = db.property_int_value(properties::TOTAL_SST_FILES_SIZE)?.unwrap_or(0);
    Ok((db, bytes as f64 / rows.len() as f64))
}

/// Asks for rows in an order that jumps about; gives reads a second.
fn read(db: &DB, rows: &[Row], round: usize) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    let mut at = round * 7919;
    let mut bytes = 0;
    for _ in 0..READS {
        at = (at + 618_033_989) % rows.len();
        let Some((key, _)) = rows.get(at) else { continue };
        bytes += db.get_pinned(key)?.map_or(0, |value| value.len());
    }
    assert!(bytes > READS, "rows are missing");
    Ok(READS as f64 / started.elapsed().as_secs_f64())
}

#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: formats STORE ROUNDS";
    let store = PathBuf::from(arguments.next().ok_or(usage)?);
    let rounds: usize = arguments.next().ok_or(usage)?.parse()?;
    let rows = rows(&store)?;
    let raw: usize = rows.iter().map(|(key, value)| key.len() + value.len()).sum();
    println!("{} rows, {:.1} bytes of key and value", rows.len(), raw as f64 / rows.len() as f64);
    let folder = store.join("formats");
    let mut open = Vec::new();
    for (index, mut format) in formats().into_iter().enumerate() {
        let (db, disk) = fill(&mut format, &folder.join(index.to_string()), &rows)?;
        for (key, _) in &rows {
            db.get_pinned(key)?;
        }
        let cached = format.cache.as_ref().map(|cache| cache.get_usage() as f64);
        let readers =
            db.property_int_value(properties::ESTIMATE_TABLE_READERS_MEM)?.unwrap_or(0) as f64;
        // PlainTable maps its files: they are its memory.
        let memory = cached.map_or(disk, |cached| (cached + readers) / rows.len() as f64);
        open.push((format.name, db, disk, memory, Vec::new()));
    }
    for round in 0..rounds {
        for (_, db, _, _, speeds) in &mut open {
            speeds.push(read(db, &rows, round)?);
        }
    }
    println!(
        "| format | disk, B a row | memory, B a row | reads/s, median | ratio |\n|---|---|---|---|---|"
    );
    let mut base = None;
    for (name, _, disk, memory, speeds) in &mut open {
        speeds.sort_by(f64::total_cmp);
        let median = speeds.get(speeds.len() / 2).copied().unwrap_or(0.0);
        let base = *base.get_or_insert(median);
        println!("| {name} | {disk:.1} | {memory:.1} | {median:.0} | {:.2} |", median / base);
    }
    drop(open);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
