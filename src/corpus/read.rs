//! Reading one file: safely off the disk, then through its dialect into a page.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::Read as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Component, Path, PathBuf},
    time::SystemTime,
};

use ignore::gitignore::GitignoreBuilder;

use super::{
    Collection, Page, Site, Skip, Warning,
    dialect::{self, Includes},
    front_matter,
    markdown::{self, Marks},
    site,
    survey::{Oddity, Survey},
    walk::{self, Filter, Ground, MAX_FILE_BYTES},
};

/// Files looked at to find out which generator a folder was written for.
const SAMPLE: usize = 48;
/// Warnings kept of one page: an author needs a few to see what is wrong, not ten thousand.
const MAX_WARNINGS: usize = 50;

/// Reads the pages of a collection.
pub struct Reader {
    ground: Ground,
    rules: site::Rules,
    filter: Filter,
    version: Option<String>,
}

/// A file's bytes, as they were on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Not yet decoded.
    pub bytes: Vec<u8>,
    /// The first half of the BLAKE3 hash of `bytes`.
    pub hash: [u8; 16],
    /// In bytes.
    pub size: u64,
    /// When it last changed, if the file system tells.
    pub modified: Option<SystemTime>,
}

impl Source {
    /// The hash that [`Reader::load`] would give these bytes.
    pub fn hash(bytes: &[u8]) -> [u8; 16] {
        let mut half = [0; 16];
        half.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
        half
    }
}

impl Reader {
    /// Looks at the folder once: where it really is, which generator it was written for.
    pub fn new(collection: &Collection) -> Reader {
        let ground = Ground::of(collection);
        let sample =
            if collection.site.is_none() { sample(&ground, collection) } else { Vec::new() };
        Reader {
            rules: site::Rules::detect(collection.site, &ground.root, &sample),
            filter: Filter::new(collection).0,
            version: collection.version.clone(),
            ground,
        }
    }

    /// The generator whose rules are followed.
    pub fn site(&self) -> Site {
        self.rules.site
    }

    /// Would [`walk`](super::walk()) list this path, if there is a file?
    pub fn accepts(&self, path: &str) -> bool {
        let ours = self.filter.accepts(path) && self.ground.holds(&self.ground.root.join(path));
        ours && !self.is_ignored(path)
    }

    fn is_ignored(&self, path: &str) -> bool {
        let whole = self.ground.root.join(path);
        let mut folder = self.ground.root.clone();
        let mut ignored = false;
        let parents = Path::new(path).parent().into_iter().flat_map(Path::components);
        for next in std::iter::once(None).chain(parents.map(Some)) {
            if let Some(component) = next {
                folder.push(component);
            }
            // The nearest file decides, and .docentignore before .gitignore.
            for name in [".gitignore", ".docentignore"] {
                let rules = folder.join(name);
                if !rules.is_file() {
                    continue;
                }
                let mut builder = GitignoreBuilder::new(&folder);
                builder.add(&rules);
                if let Ok(set) = builder.build() {
                    match set.matched_path_or_any_parents(&whole, false) {
                        ignore::Match::Ignore(_) => ignored = true,
                        ignore::Match::Whitelist(_) => ignored = false,
                        ignore::Match::None => {}
                    }
                }
            }
        }
        ignored
    }

    /// Reads a file's bytes; never one outside the root, whatever `path` says and wherever links
    /// lead.
    pub fn load(&self, path: &str) -> Result<Source, Skip> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if path.is_empty() || !Path::new(path).components().all(plain) || !walk::is_plain(path) {
            return Err(Skip::Unreadable("path is not a plain relative one".to_owned()));
        }
        let path = self.ground.root.join(path);
        let (bytes, modified) = read_inside(&self.ground, &path, MAX_FILE_BYTES)?;
        let size = bytes.len() as u64;
        Ok(Source { hash: Source::hash(&bytes), bytes, size, modified })
    }

    /// Makes a page of a file's bytes. Takes anything; what is odd comes back as warnings.
    pub fn parse(&self, path: &str, bytes: &[u8]) -> (Result<Page, Skip>, Vec<Warning>) {
        let mut notes = Vec::new();
        let page = guarded(|| self.parse_noting(path, bytes, &mut notes, None));
        notes.truncate(MAX_WARNINGS);
        let warning = |(line, message)| Warning { path: path.to_owned(), line, message };
        (page, notes.into_iter().map(warning).collect())
    }

    /// Makes a page as [`parse`](Self::parse) does, and tells where its parts stand in the file.
    pub(super) fn survey(&self, path: &str, bytes: &[u8]) -> (Result<Page, Skip>, Survey) {
        let mut survey = Survey::default();
        let page = guarded(|| self.parse_noting(path, bytes, &mut Vec::new(), Some(&mut survey)));
        (page, survey)
    }

    fn parse_noting(
        &self,
        path: &str,
        bytes: &[u8],
        notes: &mut Vec<(usize, String)>,
        mut survey: Option<&mut Survey>,
    ) -> Result<Page, Skip> {
        let mut told = |kind, notes: &[_]| {
            if let Some(survey) = &mut survey {
                survey.note(kind, notes);
            }
        };
        let decoded = decode(bytes, notes)?;
        told(Oddity::Encoding, notes);
        let text = dialect::strip_invisible(&decoded, notes);
        told(Oddity::Invisible, notes);
        let mut split = front_matter::split(&text);
        notes.extend(split.problem.take());
        told(Oddity::FrontMatter, notes);
        let mut meta = std::mem::take(&mut split.meta);
        // A title of nothing that can be seen is none.
        let title = meta.title.take().map(|title| dialect::plain(&title));
        let title = title.filter(|title| !dialect::line(title, dialect::MAX_TITLE).is_empty());
        if let Some(survey) = &mut survey {
            survey.source = text.to_string();
        }
        if meta.draft {
            return Err(Skip::Draft);
        }
        let kind = Path::new(path).extension().and_then(|it| it.to_str()).unwrap_or_default();
        let mut page = if matches!(kind.to_ascii_lowercase().as_str(), "md" | "markdown" | "mdx") {
            let includes = Includes::new(&self.ground, path, self.version.as_deref(), &meta.params);
            let dialect = dialect::Dialect::new(self.rules.site, path);
            let trace = survey.is_some().then(Box::default);
            let mut cleaned = dialect::clean(split.body, dialect, includes, trace);
            let found = std::mem::take(&mut cleaned.notes);
            notes.extend(found.into_iter().map(|(line, it)| (line + split.lines, it)));
            let titled = title.is_some();
            let mut marks = survey.is_some().then(Marks::default);
            let (plain, anchors) = (&cleaned.text, &cleaned.anchors);
            let mut page = markdown::read(plain, anchors, self.rules, titled, marks.as_mut());
            if let (Some(survey), Some(marks)) = (survey, marks) {
                survey.note(Oddity::Invisible, notes);
                survey.settle(&split, &mut cleaned, marks);
                survey.titled = titled;
            }
            page.includes = cleaned.includes;
            page.sought = cleaned.sought;
            page
        } else {
            markdown::plain(split.body)
        };
        page.route = self.rules.route(path, &meta);
        page.language = meta.language.or_else(|| folder_language(path));
        page.path = path.to_owned();
        if let Some(title) = title {
            page.title = title;
        } else if page.title.is_empty() {
            page.title = title_of_path(path);
        }
        page.title = dialect::line(&page.title, dialect::MAX_TITLE);
        let description = dialect::plain(&meta.description.unwrap_or_default());
        page.description = dialect::line(&description, dialect::MAX_DESCRIPTION);
        page.keywords = meta.keywords;
        page.aliases = meta.aliases;
        page.weight = meta.weight;
        page.updated = meta.updated.map(|updated| dialect::line(&updated, dialect::MAX_TITLE));
        Ok(page)
    }
}

/// A page that the reader fails on costs itself, not the others.
fn guarded(read: impl FnOnce() -> Result<Page, Skip>) -> Result<Page, Skip> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        let why = "docent's reader failed on it; that is a bug: please report it with this file";
        Err(Skip::Unreadable(why.to_owned()))
    })
}

/// Reads a regular file of a ground; links may lead to it from within.
pub(super) fn read_inside(
    ground: &Ground,
    path: &Path,
    limit: u64,
) -> Result<(Vec<u8>, Option<SystemTime>), Skip> {
    let unreadable = |message: &str| Skip::Unreadable(message.to_owned());
    let gone = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Skip::Gone,
        std::io::ErrorKind::PermissionDenied => unreadable("no permission to read it"),
        _ if walk::will_pass(&error) => Skip::Busy(error.to_string()),
        _ => unreadable("file cannot be read"),
    };
    let entry = fs::symlink_metadata(path).map_err(gone)?;
    // Looked at before it is opened: opening a FIFO would wait for its other end.
    let file = if entry.is_file() {
        open_no_follow(path).map_err(gone)?
    } else {
        let real = path.canonicalize().map_err(gone)?;
        if !ground.holds(&real) {
            return Err(unreadable("link leads outside the folder"));
        }
        if !fs::symlink_metadata(&real).map_err(gone)?.is_file() {
            return Err(unreadable("not a regular file"));
        }
        open_no_follow(&real).map_err(gone)?
    };
    // Where the open file really lies is the one check that nobody can get in between of, not even
    // who puts a link in the place of a folder above the file.
    let inside = match opened_path(&file) {
        Some(real) => ground.holds(&real),
        None => ground.has(path),
    };
    if !inside {
        return Err(unreadable("link leads outside the folder"));
    }
    let meta = file.metadata().map_err(gone)?;
    if !meta.is_file() {
        return Err(unreadable("not a regular file"));
    }
    if meta.len() > limit {
        return Err(Skip::Unreadable(format!("file is larger than {} MiB", limit >> 20)));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize + 1);
    file.take(limit + 1).read_to_end(&mut bytes).map_err(gone)?;
    if bytes.len() as u64 > limit {
        return Err(unreadable("file grew while it was read"));
    }
    Ok((bytes, meta.modified().ok()))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn open_no_follow(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // O_NOFOLLOW and O_NONBLOCK, the latter so that a FIFO put here meanwhile does not hang us.
    // The numbers are those of the Linux ABI; ARM and PowerPC have another O_NOFOLLOW.
    const NO_FOLLOW: i32 = if cfg!(any(
        target_arch = "arm",
        target_arch = "aarch64",
        target_arch = "powerpc",
        target_arch = "powerpc64"
    )) {
        0o100_000
    } else {
        0o400_000
    };
    const NON_BLOCK: i32 = 0o4_000;
    fs::OpenOptions::new().read(true).custom_flags(NO_FOLLOW | NON_BLOCK).open(path)
}

/// The path of an open file without links, as the kernel has it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn opened_path(file: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd as _;
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn opened_path(_file: &File) -> Option<PathBuf> {
    None
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn open_no_follow(path: &Path) -> std::io::Result<File> {
    File::open(path)
}

/// UTF-8 with or without a mark, UTF-16 with one; else bytes are replaced, else it is no text.
fn decode<'a>(bytes: &'a [u8], notes: &mut Vec<(usize, String)>) -> Result<Cow<'a, str>, Skip> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        Cow::Owned(char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect())
    };
    let text: Cow<'a, str> = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            if memchr::memchr(0, bytes).is_some() {
                return Err(Skip::Unreadable("binary file".to_owned()));
            }
            match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(error) => {
                    let before = &bytes[..error.valid_up_to()];
                    let line = memchr::memchr_iter(b'\n', before).count() + 1;
                    notes.push((line, "not UTF-8, odd bytes replaced".to_owned()));
                    Cow::Owned(String::from_utf8_lossy(bytes).into_owned())
                }
            }
        }
    };
    Ok(text)
}

/// Some pages of the folder, evenly spread, with the start of their text.
fn sample(ground: &Ground, collection: &Collection) -> Vec<(String, String)> {
    let (root, data_dir) = (ground.root.clone(), collection.data_dir.clone());
    let files = walk::walk(&Collection { root, data_dir, ..Collection::default() }).files;
    let named = |name: &str| files.iter().find(move |file| file.path.ends_with(name));
    let step = (files.len() / SAMPLE).max(1);
    let telling = [named("SUMMARY.md"), named("_index.md")].into_iter().flatten();
    let chosen = telling.chain(files.iter().step_by(step).take(SAMPLE));
    chosen
        .filter_map(|file| {
            let (bytes, _) =
                read_inside(ground, &ground.root.join(&file.path), MAX_FILE_BYTES).ok()?;
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(64 * 1024)]).into_owned();
            Some((file.path.clone(), text))
        })
        .collect()
}

/// The language that the first folder is named after.
fn folder_language(path: &str) -> Option<String> {
    const PLAIN: &str = " ar cs de el en es fa fr he hi hu ja ko nl pl pt ru sv th tr uk vi zh ";
    let (first, _) = path.split_once('/')?;
    let (language, region) = first.split_once(['-', '_']).unwrap_or((first, ""));
    let known = language.len() == 2 && PLAIN.contains(&format!(" {} ", language.to_lowercase()));
    let is_region =
        matches!(region.len(), 0 | 2..=4) && region.bytes().all(|b| b.is_ascii_alphabetic());
    (known && is_region).then(|| first.replace('_', "-"))
}

/// `Getting started` for `guide/01-getting-started.md`.
fn title_of_path(path: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let is_index = matches!(stem, "index" | "_index" | "README" | "readme");
    let name = if is_index { folder.rsplit('/').next().unwrap_or_default() } else { stem };
    let name = if name.is_empty() { stem } else { name };
    let words = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '_');
    let words = if words.is_empty() { name } else { words }.replace(['-', '_'], " ");
    let mut chars = words.trim().chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_the_reader_fails_on_is_skipped_with_a_reason() {
        let index = "é".len() - 1;
        let skipped = guarded(|| Ok(Page { title: "é"[index..].to_owned(), ..Page::default() }));
        assert!(matches!(skipped, Err(Skip::Unreadable(why)) if why.contains("please report it")));
        assert_eq!(guarded(|| Err(Skip::Draft)), Err(Skip::Draft));
    }
}
