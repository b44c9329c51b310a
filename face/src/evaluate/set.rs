//! The pictures of an evaluation: who is on which, and which of them are compared.

use crate::FaceError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The most pictures of a set: their embeddings of 512 numbers then take 200 MB.
pub const PICTURES_MAX: usize = 100_000;
/// The most pairs: 12 bytes each.
pub const PAIRS_MAX: usize = 20_000_000;
/// The most bytes of a file of pairs: 100 for each of a million.
const PAIRS_BYTES_MAX: u64 = 100 << 20;
/// Names of files that are pictures end so; others in a tree are left alone.
const ENDINGS: [&str; 7] = ["jpg", "jpeg", "png", "jp2", "j2k", "j2c", "jpc"];
/// In a tree, the picture of this name (without its ending) is the person's card photograph.
const REFERENCE: &str = "card";

/// One picture.
#[derive(Debug)]
pub struct Sample {
    /// Its file.
    pub path: PathBuf,
    /// The person on it, an index of [`Set::people`].
    pub person: usize,
    /// It is the card's photograph, which live pictures are compared with.
    pub is_reference: bool,
}

/// Somebody in the set.
#[derive(Debug)]
pub struct Person {
    /// What the set calls them.
    pub name: String,
    /// An index of [`Set::groups`].
    pub group: Option<usize>,
}

/// Pictures of people, and the pairs of pictures that are compared.
#[derive(Debug, Default)]
pub struct Set {
    /// All pictures.
    pub samples: Vec<Sample>,
    /// All people.
    pub people: Vec<Person>,
    /// The names of groups, where the set tells any.
    pub groups: Vec<String>,
    pairs: Vec<[u32; 2]>,
}

/// A line of a file of pairs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Paths relative to the file of pairs.
    first: PathBuf,
    second: PathBuf,
    /// Names of the people on them; equal for a genuine pair.
    first_person: String,
    second_person: String,
    /// The group of both, if any.
    #[serde(default)]
    group: Option<String>,
}

/// Gives each name a number in the order of first sight.
#[derive(Default)]
struct Numbers(BTreeMap<String, usize>);

impl Numbers {
    fn of(&mut self, name: &str) -> (usize, bool) {
        let next = self.0.len();
        if let Some(number) = self.0.get(name) {
            return (*number, false);
        }
        self.0.insert(name.to_owned(), next);
        (next, true)
    }
}

impl Set {
    /// Reads a folder of people (`person/picture`, or `group/person/picture`), or a CSV file of
    /// pairs (`first,second,first_person,second_person` and, if wanted, `group`).
    ///
    /// Where a folder has pictures named `card.*`, each is compared with the live pictures of all
    /// people; otherwise each picture with each other one.
    ///
    /// # Errors
    /// [`FaceError::File`], and [`FaceError::Set`] with what the set lacks.
    pub fn read(path: &Path) -> Result<Self, FaceError> {
        let refuse = |reason: String| FaceError::Set { path: path.to_owned(), reason };
        let is_tree = fs::metadata(path).map_err(|error| FaceError::file(path, error))?.is_dir();
        let mut set = Self::default();
        if is_tree {
            set.read_tree(path)?;
            set.pair_all().map_err(refuse)?;
        } else {
            set.read_pairs(path).map_err(refuse)?;
        }
        let is_genuine = |pair: &&[u32; 2]| set.people_of(**pair).is_some_and(|[a, b]| a == b);
        let genuine = set.pairs.iter().filter(is_genuine).count();
        if genuine == 0 || genuine == set.pairs.len() {
            let what = "it needs two pictures of one person, and pictures of two people";
            return Err(refuse(what.to_owned()));
        }
        Ok(set)
    }

    /// The pairs, as indices of [`Self::samples`].
    #[must_use]
    pub fn pairs(&self) -> &[[u32; 2]] {
        &self.pairs
    }

    /// The people on both pictures of a pair.
    #[must_use]
    pub fn people_of(&self, pair: [u32; 2]) -> Option<[usize; 2]> {
        let person = |sample: u32| self.samples.get(sample as usize).map(|sample| sample.person);
        let [first, second] = pair;
        Some([person(first)?, person(second)?])
    }

    fn read_tree(&mut self, root: &Path) -> Result<(), FaceError> {
        for folder in entries(root)?.into_iter().filter(|path| path.is_dir()) {
            let inside = entries(&folder)?;
            let people: Vec<_> = inside.iter().filter(|path| path.is_dir()).collect();
            if people.is_empty() {
                self.add_person(&folder, &inside, None)?;
                continue;
            }
            let group = self.groups.len();
            self.groups.push(name(&folder));
            for person in people {
                self.add_person(person, &entries(person)?, Some(group))?;
            }
        }
        Ok(())
    }

    fn add_person(
        &mut self,
        folder: &Path,
        files: &[PathBuf],
        group: Option<usize>,
    ) -> Result<(), FaceError> {
        let person = self.people.len();
        self.people.push(Person { name: name(folder), group });
        for path in files.iter().filter(|path| is_picture(path)) {
            if self.samples.len() >= PICTURES_MAX {
                let reason = format!("more than {PICTURES_MAX} pictures: give a part of them");
                return Err(FaceError::Set { path: folder.to_owned(), reason });
            }
            let is_reference = path.file_stem().is_some_and(|stem| stem == REFERENCE);
            self.samples.push(Sample { path: path.clone(), person, is_reference });
        }
        Ok(())
    }

    fn pair_all(&mut self) -> Result<(), String> {
        let has_references = self.samples.iter().any(|sample| sample.is_reference);
        let numbered = || (0_u32..).zip(&self.samples);
        let references = self.samples.iter().filter(|sample| sample.is_reference).count();
        let others = self.samples.len() - references;
        let count = if has_references { references * others } else { others * others / 2 };
        if count > PAIRS_MAX {
            return Err(format!(
                "{count} pairs, {PAIRS_MAX} are the most: give fewer pictures, or a file of pairs"
            ));
        }
        self.pairs = numbered()
            .filter(|(_, sample)| sample.is_reference == has_references)
            .flat_map(|(first, _)| {
                let later = move |second: u32| has_references || second > first;
                numbered()
                    .filter(move |(second, sample)| !sample.is_reference && later(*second))
                    .map(move |(second, _)| [first, second])
            })
            .collect();
        Ok(())
    }

    fn read_pairs(&mut self, path: &Path) -> Result<(), String> {
        let bytes = fs::metadata(path).map_err(|error| error.to_string())?.len();
        if bytes > PAIRS_BYTES_MAX {
            return Err(format!("{bytes} bytes, {PAIRS_BYTES_MAX} are the most"));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut reader = csv::Reader::from_path(path).map_err(|error| error.to_string())?;
        let (mut files, mut people, mut groups) = <(Numbers, Numbers, Numbers)>::default();
        for line in reader.deserialize() {
            let line: Line = line.map_err(|error: csv::Error| error.to_string())?;
            let group = line.group.as_deref().filter(|name| !name.is_empty()).map(|name| {
                let (group, is_new) = groups.of(name);
                self.groups.extend(is_new.then(|| name.to_owned()));
                group
            });
            let mut sample = |file: &Path, person: &str| -> Result<u32, String> {
                let (number, is_new) = people.of(person);
                if is_new {
                    self.people.push(Person { name: person.to_owned(), group });
                }
                let (sample, is_new) = files.of(&file.to_string_lossy());
                if is_new {
                    let path = folder.join(file);
                    self.samples.push(Sample { path, person: number, is_reference: false });
                } else if self.samples.get(sample).is_none_or(|one| one.person != number) {
                    return Err(format!("{} shows two people", file.display()));
                }
                u32::try_from(sample).map_err(|error| error.to_string())
            };
            let pair = [
                sample(&line.first, &line.first_person)?,
                sample(&line.second, &line.second_person)?,
            ];
            self.pairs.push(pair);
            if self.samples.len() > PICTURES_MAX || self.pairs.len() > PAIRS_MAX {
                return Err(format!(
                    "more than {PICTURES_MAX} pictures or {PAIRS_MAX} pairs: give a part of them"
                ));
            }
        }
        Ok(())
    }
}

/// What lies in a folder, by name; hidden files are left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, FaceError> {
    let failed = |error| FaceError::file(folder, error);
    let paths = fs::read_dir(folder).map_err(failed)?.map(|entry| entry.map(|one| one.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(failed)?;
    paths.retain(|path| !name(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    path.is_file() && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        folder
    }

    #[test]
    fn a_cards_photograph_meets_the_live_pictures_of_everybody() {
        let tree =
            folder(&["a/card.jp2", "a/1.jpg", "a/2.JPG", "b/card.png", "b/1.jpg", "b/Thumbs.db"]);
        let set = Set::read(tree.path()).unwrap();
        assert_eq!((set.samples.len(), set.people.len()), (5, 2));
        assert_eq!(set.pairs().len(), 2 * 3, "two cards, three live pictures");
        let genuine = set.pairs().iter().filter(|pair| {
            let [first, second] = set.people_of(**pair).unwrap();
            first == second
        });
        assert_eq!(genuine.count(), 3);
    }

    #[test]
    fn without_cards_each_picture_meets_each_other_once() {
        let tree = folder(&["x/a/1.jpg", "x/a/2.jpg", "y/b/1.jpg"]);
        let set = Set::read(tree.path()).unwrap();
        assert_eq!(set.pairs(), [[0, 1], [0, 2], [1, 2]]);
        assert_eq!(set.groups, ["x", "y"]);
        assert_eq!(set.people[1].group, Some(1));
    }

    #[test]
    fn a_file_of_pairs_names_people_and_groups() {
        let tree = folder(&["1.jpg"]);
        let file = tree.path().join("pairs.csv");
        let head = "first,second,first_person,second_person,group\n";
        fs::write(&file, format!("{head}1.jpg,2.jpg,a,a,north\n1.jpg,3.jpg,a,b,north\n")).unwrap();
        let set = Set::read(&file).unwrap();
        assert_eq!((set.pairs().len(), set.people.len(), set.groups.len()), (2, 2, 1));
        assert_eq!(set.samples[1].path, tree.path().join("2.jpg"));

        fs::write(&file, format!("{head}1.jpg,2.jpg,a,b,\n1.jpg,2.jpg,a,a,\n")).unwrap();
        assert!(Set::read(&file).unwrap_err().to_string().contains("2.jpg shows two people"));
        fs::write(&file, "first,other\n1,2\n").unwrap();
        assert!(Set::read(&file).is_err());
    }

    #[test]
    fn a_set_that_can_tell_nothing_is_refused() {
        for files in [&["a/1.jpg", "a/2.jpg"][..], &["a/1.jpg", "b/1.jpg"], &[]] {
            let error = Set::read(folder(files).path()).unwrap_err();
            assert_eq!(error.code(), "SHK-FAC-030", "{files:?}");
        }
    }
}
