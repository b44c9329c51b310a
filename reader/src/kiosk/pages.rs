//! The pages, embedded when the program is built.

use include_dir::{Dir, include_dir};

static PAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/pages");

/// The page of this name, such as `kiosk`.
pub(super) fn page(name: &str) -> Option<&'static [u8]> {
    PAGES.get_file(format!("{name}.html")).map(|file| file.contents())
}

/// A file below `assets`, and its media type.
pub(super) fn asset(path: &str) -> Option<(&'static [u8], &'static str)> {
    let file = PAGES.get_file(format!("assets/{path}"))?;
    let media = match path.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => return None,
    };
    Some((file.contents(), media))
}
