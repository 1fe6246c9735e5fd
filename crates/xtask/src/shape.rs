//! The rules of the house as functions over data, so that a test can break each of them.
//!
//! `house` says what is allowed; `survey` reads the checkout; this module holds one against the other.

pub mod house;
pub mod survey;

use house::{DOORS, HOUSE, Room};
use survey::{Package, Source, Workspace};

/// The most lines a file may have, its tests included.
pub const FILE_LINES: usize = 400;
/// The most lines a function may have, from its signature to its closing brace.
pub const FUNCTION_LINES: usize = 80;
/// The most lines a daemon's `main.rs` may have.
pub const MAIN_LINES: usize = 20;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "common", "shared", "util", "utils", "core", "types", "helpers",
];

/// Everything in the workspace that breaks a rule, a sentence each.
pub fn violations(workspace: &Workspace) -> Vec<String> {
    let mut found = Vec::new();
    for package in &workspace.packages {
        match HOUSE.iter().find(|room| room.package == package.name) {
            None => found.push(format!(
                "{} at {} is not in the house: add it to HOUSE in crates/xtask/src/shape/house.rs, \
                 and say what it may import",
                package.name, package.folder
            )),
            Some(room) => in_its_room(package, room, &mut found),
        }
        keeps_its_hands_off_doors(package, &mut found);
        takes_over_the_lints(package, &mut found);
        has_a_telling_name(package, &mut found);
    }
    for source in &workspace.sources {
        stays_short(source, &mut found);
    }
    found
}

fn in_its_room(package: &Package, room: &Room, found: &mut Vec<String>) {
    if package.folder != room.folder {
        found.push(format!(
            "{} lives in {}, its room is {}",
            package.name, package.folder, room.folder
        ));
    }
    for dependency in &package.dependencies {
        let inside = dependency.is_member && dependency.is_linked;
        if inside && !room.may_import.contains(&dependency.name.as_str()) {
            found.push(format!(
                "{} imports {}, it may import only {:?}",
                package.name, dependency.name, room.may_import
            ));
        }
        let takes_the_bus = dependency.name == "umec-sdk" && dependency.has_feature("nats");
        if inside && takes_the_bus && !room.may_use_the_bus {
            found.push(format!(
                "{} takes umec-sdk with the feature nats, but the bus is not its business",
                package.name
            ));
        }
    }
    if room.is_daemon {
        has_the_rooms_of_a_daemon(package, found);
    }
}

fn has_the_rooms_of_a_daemon(package: &Package, found: &mut Vec<String>) {
    for file in ["src/main.rs", "src/lib.rs", "src/config.rs"] {
        if !package.files.iter().any(|(name, _)| name == file) {
            found.push(format!("{} is a daemon and has no {file}", package.name));
        }
    }
    let main = package.files.iter().find(|(name, _)| name == "src/main.rs");
    if let Some((_, lines)) = main.filter(|(_, lines)| *lines > MAIN_LINES) {
        found.push(format!(
            "{}: src/main.rs has {lines} lines, a daemon's has at most {MAIN_LINES}",
            package.name
        ));
    }
}

fn keeps_its_hands_off_doors(package: &Package, found: &mut Vec<String>) {
    for (door, holders) in DOORS {
        let opens = package
            .dependencies
            .iter()
            .any(|dependency| dependency.is_linked && dependency.name == *door);
        if opens && !holders.contains(&package.name.as_str()) {
            found.push(format!(
                "{} depends on {door}, which only {holders:?} may",
                package.name
            ));
        }
    }
}

fn takes_over_the_lints(package: &Package, found: &mut Vec<String>) {
    if !package.inherits_lints {
        found.push(format!(
            "{}: its Cargo.toml has no [lints] workspace = true",
            package.name
        ));
    }
}

fn has_a_telling_name(package: &Package, found: &mut Vec<String>) {
    for part in package.name.split('-') {
        if EMPTY_NAMES.contains(&part) {
            found.push(format!(
                "{}: {part:?} says nothing about what is inside",
                package.name
            ));
        }
    }
}

fn stays_short(source: &Source, found: &mut Vec<String>) {
    if source.lines > FILE_LINES {
        found.push(format!(
            "{} has {} lines, a file has at most {FILE_LINES}: split it by what changes together",
            source.path, source.lines
        ));
    }
    if source.path.ends_with("/mod.rs") {
        found.push(format!(
            "{}: a module is foo.rs beside foo/, never mod.rs",
            source.path
        ));
    }
    for function in source.functions.iter().filter(|f| f.lines > FUNCTION_LINES) {
        found.push(format!(
            "{}:{}: {} has {} lines, a function has at most {FUNCTION_LINES}",
            source.path, function.line, function.name, function.lines
        ));
    }
}
