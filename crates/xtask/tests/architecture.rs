//! The workspace's shape: it keeps the rules of the house, and each rule notices when it is broken.

#![cfg(test)]

use std::path::Path;

use xtask::shape::survey::{self, Dependency, Function, Package, Source, Workspace};
use xtask::shape::violations;

#[test]
fn the_workspace_keeps_the_rules_of_the_house() {
    let workspace = survey::survey(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(workspace.packages.len() > 5, "the survey sees the members");
    assert!(workspace.sources.len() > 20, "the survey sees their files");
    let found = violations(&workspace);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn a_daemon_as_it_should_be_breaks_no_rule() {
    assert_eq!(broken_by(|_| ()), Vec::<String>::new());
}

#[test]
fn a_package_that_is_not_in_the_house_is_noticed() {
    notices("is not in the house", |w| {
        w.packages[0].name = "umec-gadget".to_owned();
    });
    notices("its room is plugins/modbus", |w| {
        w.packages[0].folder = "modbus".to_owned();
    });
    notices("says nothing about", |w| {
        w.packages[0].name = "umec-common".to_owned();
    });
}

#[test]
fn an_import_of_another_daemon_is_noticed() {
    notices("imports umec-uplink", |w| {
        depend(w, linked("umec-uplink", true));
    });
}

#[test]
fn a_door_without_its_key_is_noticed() {
    for door in [
        "async-nats",
        "rdkafka",
        "serde_yaml",
        "warp",
        "kube",
        "pcsc",
        "v4l",
    ] {
        notices(&format!("depends on {door}"), |w| {
            depend(w, linked(door, false));
        });
    }
}

#[test]
fn a_door_that_only_tests_open_is_no_matter() {
    let dependency = Dependency {
        is_linked: false,
        ..linked("async-nats", false)
    };
    assert_eq!(broken_by(|w| depend(w, dependency)), Vec::<String>::new());
}

#[test]
fn a_cloud_process_on_the_bus_is_noticed() {
    notices("the bus is not its business", |w| {
        w.packages[0].name = "umec-gateway".to_owned();
        w.packages[0].folder = "cloud/gateway".to_owned();
    });
}

#[test]
fn lints_that_are_not_inherited_are_noticed() {
    notices("no [lints] workspace = true", |w| {
        w.packages[0].inherits_lints = false;
    });
    assert!(survey::inherits_lints("[lints]\nworkspace = true\n"));
    assert!(!survey::inherits_lints("[package]\nworkspace = true\n"));
    assert!(!survey::inherits_lints(
        "[lints]\n[dependencies]\nworkspace = true\n"
    ));
}

#[test]
fn a_daemon_without_one_of_its_rooms_is_noticed() {
    for (index, file) in ["src/main.rs", "src/lib.rs", "src/config.rs"]
        .iter()
        .enumerate()
    {
        notices(&format!("has no {file}"), |w| {
            w.packages[0].files.remove(index);
        });
    }
    notices("src/main.rs has 21 lines", |w| {
        w.packages[0].files[0].1 = 21;
    });
}

#[test]
fn a_long_file_and_a_long_function_are_noticed() {
    notices("has 401 lines, a file has at most 400", |w| {
        w.sources[0].lines = 401;
    });
    notices("run has 81 lines, a function", |w| {
        w.sources[0].functions[0].lines = 81;
    });
    notices("never mod.rs", |w| {
        w.sources[0].path = "edge-api/src/http/mod.rs".to_owned();
    });
}

#[test]
fn functions_are_measured_from_signature_to_brace() {
    let text = "/// Doc.\nfn one() {\n    1;\n}\nimpl A {\n    fn two() {}\n}\ntrait B {\n    fn three();\n    fn four() {\n    }\n}\n";
    let function = |name: &str, line, lines| Function {
        name: name.to_owned(),
        line,
        lines,
    };
    assert_eq!(
        survey::functions(text).unwrap(),
        [
            function("one", 2, 3),
            function("two", 6, 1),
            function("four", 10, 2)
        ]
    );
}

/// A small workspace that keeps every rule.
fn sound() -> Workspace {
    let files = ["src/main.rs", "src/lib.rs", "src/config.rs"];
    Workspace {
        packages: vec![Package {
            name: "umec-modbus".to_owned(),
            folder: "plugins/modbus".to_owned(),
            dependencies: vec![Dependency {
                features: vec!["nats".to_owned()],
                ..linked("umec-sdk", true)
            }],
            inherits_lints: true,
            files: files.iter().map(|file| ((*file).to_owned(), 20)).collect(),
        }],
        sources: vec![Source {
            path: "plugins/modbus/src/lib.rs".to_owned(),
            lines: 400,
            functions: vec![Function {
                name: "run".to_owned(),
                line: 10,
                lines: 80,
            }],
        }],
    }
}

fn linked(name: &str, is_member: bool) -> Dependency {
    Dependency {
        name: name.to_owned(),
        is_member,
        is_linked: true,
        features: Vec::new(),
    }
}

fn depend(workspace: &mut Workspace, dependency: Dependency) {
    workspace.packages[0].dependencies.push(dependency);
}

fn broken_by(breakage: impl FnOnce(&mut Workspace)) -> Vec<String> {
    let mut workspace = sound();
    breakage(&mut workspace);
    violations(&workspace)
}

#[track_caller]
fn notices(expected: &str, breakage: impl FnOnce(&mut Workspace)) {
    let found = broken_by(breakage);
    assert!(
        found.iter().any(|violation| violation.contains(expected)),
        "{found:?}"
    );
}
