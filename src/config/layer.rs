//! The files laid over each other, later over earlier, and where each setting came from.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use config::{Config, ConfigError, Map, Source, Value, ValueKind};

use super::code::Code;
use super::file::File;
use super::problem::{Place, Problem, Problems, SourceText};
use super::sources::{self, Sources};
use super::strict::{self, Kind, Node};

/// Every file as it was read, in order.
#[derive(Debug)]
pub(super) struct Layers {
    layers: Vec<Layer>,
    struck: BTreeSet<Vec<String>>,
    main: Place,
    /// A file could not be read or is no TOML: what the rest means is unknown.
    pub(super) broken: bool,
}

#[derive(Debug, Clone)]
struct Layer {
    source: Arc<SourceText>,
    root: BTreeMap<String, Node>,
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(values(&self.root))
    }
}

fn values(nodes: &BTreeMap<String, Node>) -> Map<String, Value> {
    nodes
        .iter()
        .map(|(key, node)| {
            let kind = match &node.kind {
                Kind::Table(inner) => table(inner),
                Kind::Leaf(kind) => kind.clone(),
            };
            (key.clone(), Value::new(None, kind))
        })
        .collect()
}

/// A table as `config` keeps it.
pub(super) fn table(nodes: &BTreeMap<String, Node>) -> ValueKind {
    ValueKind::Table(values(nodes))
}

impl Layers {
    /// Reads every file and notes what is wrong with each of them.
    pub(super) fn read(sources: &Sources, problems: &mut Problems) -> Self {
        let mut all = Self {
            layers: Vec::new(),
            struck: BTreeSet::new(),
            main: Place::whole(&sources.main, 0),
            broken: false,
        };
        let files = sources.files().unwrap_or_else(|problem| {
            problems.push(problem);
            all.broken = true;
            vec![sources.main.clone()]
        });
        for (rank, path) in files.iter().enumerate() {
            match sources::read(path, rank) {
                Ok(source) => all.add(source, problems),
                Err(problem) => {
                    problems.push(problem);
                    all.broken = true;
                }
            }
        }
        all
    }

    fn add(&mut self, source: Arc<SourceText>, problems: &mut Problems) {
        let read = strict::read(&source, problems);
        self.broken |= read.broken;
        self.struck.extend(read.struck);
        let root = read.root;
        self.layers.push(Layer { source, root });
    }

    /// The digest of all files: another order, name or byte makes another one.
    pub(super) fn digest(&self) -> String {
        let mut hasher = crc32fast::Hasher::new();
        for layer in &self.layers {
            for part in [
                layer.source.path.as_os_str().as_encoded_bytes(),
                layer.source.text.as_bytes(),
            ] {
                hasher.update(&part.len().to_le_bytes());
                hasher.update(part);
            }
        }
        format!("{:08x}", hasher.finalize())
    }

    /// What all files say together.
    ///
    /// # Errors
    /// The layers do not fit together, though each was read strictly.
    pub(super) fn merged(&self) -> Result<File, Problem> {
        self.layers
            .iter()
            .fold(Config::builder(), |builder, layer| {
                builder.add_source(layer.clone())
            })
            .build()
            .and_then(Config::try_deserialize)
            .map_err(|error| {
                let what = "the configuration files do not fit together";
                Problem::new(Code::BadValue, self.main.clone(), what, error.to_string())
            })
    }

    /// An entry of the same table was struck out: this one may have been meant, or was wrong itself.
    pub(super) fn is_struck(&self, path: &[&str]) -> bool {
        self.struck.iter().any(|struck| {
            let table = struck.len().saturating_sub(1);
            struck.len() == path.len() && struck.iter().zip(path).take(table).all(|(a, b)| a == b)
        })
    }

    /// The value at a path, in the last file that has it; else the nearest header above it.
    pub(super) fn value(&self, path: &[&str]) -> Place {
        self.nearest(path, |node| match node.kind {
            Kind::Table(_) => node.key.clone(),
            Kind::Leaf(_) => node.value.clone(),
        })
    }

    /// The key at a path, in the last file that has it; else the nearest header above it.
    pub(super) fn key(&self, path: &[&str]) -> Place {
        self.nearest(path, |node| node.key.clone())
    }

    fn nearest(&self, path: &[&str], span: impl Fn(&Node) -> Range<usize>) -> Place {
        (1..=path.len())
            .rev()
            .filter_map(|length| path.get(..length))
            .find_map(|path| self.find(path))
            .map_or(self.main.clone(), |(source, node)| {
                Place::new(source, span(node))
            })
    }

    fn find(&self, path: &[&str]) -> Option<(&Arc<SourceText>, &Node)> {
        self.layers
            .iter()
            .rev()
            .find_map(|layer| Some((&layer.source, find(&layer.root, path)?)))
    }
}

fn find<'a>(nodes: &'a BTreeMap<String, Node>, path: &[&str]) -> Option<&'a Node> {
    let (first, rest) = path.split_first()?;
    let node = nodes.get(*first)?;
    match &node.kind {
        _ if rest.is_empty() => Some(node),
        Kind::Table(inner) => find(inner, rest),
        Kind::Leaf(_) => None,
    }
}
