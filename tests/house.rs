//! The house rules, checked: floors, wings, purity of the media wing, crates that must stay out, sizes of files.
//!
//! Every rule is a function from text to findings, so that the tests at the end can show that it finds what it is
//! there for. `make check` runs this.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "house/rust.rs"]
mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use rust::{code, without_tests};

/// Modules of `src/` and the floors they are on; a module uses its own floor and lower ones.
const FLOORS: &[(&str, u8)] = &[
    ("units", 0),
    ("ids", 0),
    ("clock", 0),
    ("error", 0),
    ("config", 0),
    ("metrics", 0),
    ("rtp", 1),
    ("transport", 2),
    ("media", 3),
    ("net", 4),
    ("store", 1),
    ("accounts", 2),
    ("scheduler", 2),
    ("notify", 3),
    ("rooms", 5),
    ("api", 6),
    ("bench", 6),
    ("client", 6),
    ("cli", 7),
    ("main", 7),
];
const MEDIA_WING: &[&str] = &["rtp", "transport", "media", "net"];
const OFFICE_WING: &[&str] = &["store", "accounts", "scheduler", "notify"];
/// What the server must know nothing of, and who alone may use it: the load generator and our own client.
const CLIENTS: &[&str] = &["bench", "client"];
const USERS_OF_CLIENTS: &[&str] = &["bench", "client", "cli"];

/// Modules without sockets, clock, randomness, threads, locks and async.
const PURE: &[&str] = &["rtp", "transport", "media"];
const IMPURE: &[(&str, &str)] = &[
    ("UdpSocket", "a socket"),
    ("TcpStream", "a socket"),
    ("TcpListener", "a socket"),
    ("mio::", "a socket"),
    ("socket2::", "a socket"),
    ("quinn_udp", "a socket"),
    ("libc::", "a system call"),
    ("Instant::now", "a clock"),
    ("SystemTime", "a clock"),
    ("crate::clock", "a clock"),
    ("rand::rng", "a random source"),
    ("rand::random", "a random source"),
    ("thread_rng", "a random source"),
    ("from_os_rng", "a random source"),
    ("OsRng", "a random source"),
    ("SysRng", "a random source"),
    ("getrandom", "a random source"),
    ("std::thread", "a thread"),
    ("thread::spawn", "a thread"),
    ("std::fs", "a file"),
    ("tokio", "async"),
    ("async fn", "async"),
    ("async move", "async"),
    (".await", "async"),
    ("Mutex", "a lock"),
    ("RwLock", "a lock"),
    ("Condvar", "a lock"),
];
/// Files of pure modules that may use what others may not, and why.
const IMPURE_ALLOWED: &[(&str, &str, &str)] = &[];

/// The files by which routes come into being, each with who may call it; and the ways to make others.
const ROUTE_FILES: &[&str] = &["src/api/access.rs", "src/api/office/routes.rs"];
const ROUTES: &[&str] = &[
    "Router::new",
    "Router::default",
    "OpenApiRouter",
    ".route(",
    ".route_service(",
    ".nest(",
    ".nest_service(",
    ".fallback(",
    ".fallback_service(",
];

/// The one file with `unsafe` in it.
const UNSAFE_FILE: &str = "src/net/sys.rs";
/// Crates that must not be built by anything here, tests included: there is one crypto library.
const BANNED: &[&str] = &["ring", "openssl-sys"];
/// Crates that the server must not contain; the independent peer of the tests may.
const BANNED_IN_SERVER: &[&str] = &["ring", "openssl-sys", "rtc-sctp", "rtc-dtls", "webrtc"];
const MAX_LINES: usize = 800;
/// What a longer file says, with the reason behind it.
const REASON: &str = "Longer than 800 lines because";

// The rules on the repository itself.

#[test]
fn lower_floors_import_no_higher_ones_and_the_wings_do_not_know_each_other() {
    holds(sources(), |path, text| imports(&module_of(path), text));
}

#[test]
fn every_module_of_the_server_has_a_floor() {
    let unknown = |path: &Path, _: &str| {
        let module = module_of(path);
        let known = module == "lib" || FLOORS.iter().any(|(name, _)| *name == module);
        if known { Vec::new() } else { vec![format!("`{module}` is not in the table of floors")] }
    };
    holds(sources(), unknown);
}

#[test]
fn the_media_wing_below_net_is_pure() {
    let pure = sources().into_iter().filter(|path| PURE.contains(&module_of(path).as_str())).collect();
    holds(pure, |path, text| {
        let allowed: Vec<&str> =
            IMPURE_ALLOWED.iter().filter(|(file, ..)| path.ends_with(file)).map(|(_, word, _)| *word).collect();
        if is_test_file(path) { Vec::new() } else { impurities(text, &allowed) }
    });
}

#[test]
fn signaling_is_pure() {
    let mut files = Vec::new();
    collect(&root().join("signaling/src"), &mut files);
    holds(files, |path, text| if is_test_file(path) { Vec::new() } else { impurities(text, &[]) });
}

#[test]
fn no_route_comes_into_being_without_who_may_call_it() {
    let api = sources().into_iter().filter(|path| module_of(path) == "api" && !is_test_file(path)).collect();
    holds(
        api,
        |path, text| if ROUTE_FILES.iter().any(|file| path.ends_with(file)) { Vec::new() } else { routes(text) },
    );
}

#[test]
fn unsafe_code_stays_in_its_file() {
    holds(all_rust(), |path, text| if path.ends_with(UNSAFE_FILE) { Vec::new() } else { unsafe_code(text) });
}

#[test]
fn no_file_is_too_long_without_a_reason() {
    holds(all_rust(), |_, text| length(text));
}

#[test]
fn one_crypto_library_and_no_crate_that_we_gave_up() {
    // The lock file also names what optional features would bring; the tree is what is built.
    let mut found = banned(&tree(&["--workspace", "--edges", "normal,build,dev"]), BANNED);
    found.extend(banned(&tree(&["--package", "visavis", "--edges", "normal,build"]), BANNED_IN_SERVER));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_setting_is_read_by_somebody() {
    let read = |path: &PathBuf| without_tests(&code(&fs::read_to_string(path).unwrap()));
    let elsewhere = |writers: &[&str]| -> String {
        let writes = |path: &PathBuf| writers.iter().any(|writer| path.ends_with(writer));
        sources().iter().filter(|path| !writes(path) && !is_test_file(path)).map(read).collect()
    };
    let (livekit, office) = (elsewhere(&["src/config/read.rs"]), elsewhere(&["src/config/office_read.rs"]));
    let mut found = Vec::new();
    for (file, elsewhere) in [("settings.rs", &livekit), ("logging.rs", &livekit), ("office.rs", &office)] {
        found.extend(unread(&fs::read_to_string(root().join("src/config").join(file)).unwrap(), elsewhere));
    }
    // One that will stay without effect belongs among LiveKit's keys that we lack.
    assert!(found.is_empty(), "nothing reads {found:?}; see src/config/livekit.rs");
}

// The rules.

/// Modules that `text`, which belongs to `module`, may not use.
fn imports(module: &str, text: &str) -> Vec<String> {
    let Some(floor) = floor(module) else { return Vec::new() };
    let mut found = Vec::new();
    for (line, used) in uses(&code(text)) {
        let Some(other) = self::floor(&used) else { continue };
        let crosses = |one: &[&str], two: &[&str]| one.contains(&module) && two.contains(&used.as_str());
        if other > floor {
            found.push(format!("line {line}: `{module}` (floor {floor}) uses `{used}` (floor {other})"));
        } else if crosses(MEDIA_WING, OFFICE_WING) || crosses(OFFICE_WING, MEDIA_WING) {
            found.push(format!("line {line}: `{module}` uses `{used}` of the other wing"));
        } else if CLIENTS.contains(&used.as_str()) && !USERS_OF_CLIENTS.contains(&module) {
            found.push(format!("line {line}: `{module}` uses a client of ours, `{used}`"));
        }
    }
    found
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// Every `crate::module` (and `visavis::module` in the binary) with its line; `crate::{a, b::c}` gives several.
fn uses(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for prefix in ["crate::", "visavis::"] {
        for (at, _) in code.match_indices(prefix) {
            // `my_crate::` is another crate; `$crate::` is this one.
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let rest = &code[at + prefix.len()..];
            found.extend(heads(rest).into_iter().map(|name| (line, name)));
        }
    }
    found
}

/// The first names of what follows a path's prefix: one, or those of a group in braces.
fn heads(rest: &str) -> Vec<String> {
    let name =
        |text: &str| -> String { text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let Some(group) = rest.trim_start().strip_prefix('{') else { return vec![name(rest)] };
    let (mut depth, mut start, mut parts) = (1, 0, Vec::new());
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (c == ',' && depth == 1) || depth == 0 {
            parts.push(name(&group[start..i]));
            start = i + 1;
        }
        if depth == 0 {
            break;
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// What a pure module may not mention outside its tests.
fn impurities(text: &str, allowed: &[&str]) -> Vec<String> {
    let code = without_tests(&code(text));
    let mut found = Vec::new();
    for (word, what) in IMPURE.iter().filter(|(word, _)| !allowed.contains(word)) {
        for (at, _) in code.match_indices(word) {
            let inside = |c: char| c.is_alphanumeric() || c == '_';
            if !word.starts_with('.') && code[..at].ends_with(inside) {
                continue;
            }
            if word.ends_with(inside) && code[at + word.len()..].starts_with(inside) {
                continue;
            }
            found.push(format!("line {}: `{word}` is {what}", code[..at].matches('\n').count() + 1));
        }
    }
    found
}

/// Routes that are made by hand.
fn routes(text: &str) -> Vec<String> {
    let code = without_tests(&code(text));
    let lines = code.lines().enumerate();
    let found = lines.flat_map(|(i, line)| {
        ROUTES.iter().filter(|word| line.contains(**word)).map(move |word| format!("line {}: `{word}`", i + 1))
    });
    found.collect()
}

fn unsafe_code(text: &str) -> Vec<String> {
    let code = code(text);
    let words = |line: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
    let lines = code.lines().enumerate().filter(|(_, line)| words(line));
    lines.map(|(i, _)| format!("line {}: `unsafe`", i + 1)).collect()
}

fn length(text: &str) -> Vec<String> {
    let lines = text.lines().count();
    let explained = text.lines().take(30).any(|line| line.starts_with("//") && line.contains(REASON));
    if lines <= MAX_LINES || explained {
        return Vec::new();
    }
    vec![format!("{lines} lines; split it, or say at its top `{REASON} …`")]
}

/// Which of `crates` are in a tree, one crate with its version a line.
fn banned(tree: &str, crates: &[&str]) -> Vec<String> {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let mut found: Vec<_> = names.filter(|name| crates.contains(name)).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|name| format!("`{name}`: see cargo tree --workspace --invert {name}")).collect()
}

/// Public fields of the settings' structures that no other code asks for.
fn unread(settings: &str, elsewhere: &str) -> Vec<String> {
    let code = without_tests(&code(settings));
    let fields = code.lines().filter_map(|line| {
        let field = line.strip_prefix("    pub ")?;
        (!field.starts_with("fn ") && !field.starts_with("const ")).then(|| field.split(':').next().unwrap().to_owned())
    });
    let asked = |field: &String| {
        let pattern = format!(".{field}");
        elsewhere.match_indices(&pattern).any(|(at, _)| {
            !elsewhere[at + pattern.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '(')
        })
    };
    fields.filter(|field| !asked(field)).collect()
}

// The repository.

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What cargo says it builds, one crate a line.
fn tree(selection: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command.current_dir(root()).args(["tree", "--prefix", "none", "--format", "{p}"]).args(selection);
    let output = command.output().unwrap();
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    // An empty answer would let everything pass.
    assert!(tree.contains("aws-lc-rs "), "cargo tree does not know our crypto library");
    tree
}

fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    files
}

fn all_rust() -> Vec<PathBuf> {
    let mut files = sources();
    for folder in ["signaling", "tests", "benches"] {
        collect(&root().join(folder), &mut files);
    }
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let skipped = name.to_string_lossy().starts_with('.') || name == "node_modules" || name == "target";
        if path.is_dir() && !skipped {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// `rtp` of `src/rtp/nack.rs` and of `src/rtp.rs`.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap_or(path);
    let first = inside.components().next().unwrap();
    Path::new(&first).file_stem().unwrap().to_string_lossy().into_owned()
}

/// Files that are declared under `#[cfg(test)]`, by their names.
fn is_test_file(path: &Path) -> bool {
    let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
    let folder = path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "testing");
    folder || stem == "tests" || stem.ends_with("_tests") || stem == "testing"
}

fn holds(files: Vec<PathBuf>, rule: impl Fn(&Path, &str) -> Vec<String>) {
    assert!(!files.is_empty(), "there is nothing to look at");
    let mut found = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        found.extend(rule(&path, &text).into_iter().map(|finding| format!("{name}: {finding}")));
    }
    assert!(found.is_empty(), "the house rules are broken:\n{}", found.join("\n"));
}

// The rules on seeded violations.

#[test]
fn a_higher_floor_is_found_however_it_is_imported() {
    assert_eq!(imports("rtp", "use crate::media::Command;").len(), 1);
    assert_eq!(imports("media", "use crate::{units::Ssrc, net::{self, Media}, rtp};").len(), 1);
    assert_eq!(imports("transport", "fn f() -> crate::rooms::Rooms {}").len(), 1);
    assert_eq!(imports("config", "pub use crate::rtp::codec::Codec;").len(), 1);
    assert_eq!(imports("media", "use crate::{\n    rtp,\n    api,\n};").len(), 1);
}

#[test]
fn own_and_lower_floors_comments_and_texts_are_fine() {
    let text = "use crate::rtp::a; use crate::media::b; // crate::net\nconst A: &str = \"crate::rooms\";\nuse other_crate::net;";
    assert!(imports("media", text).is_empty());
}

#[test]
fn the_other_wing_is_found_below_too() {
    assert_eq!(imports("notify", "use crate::rtp::packet;").len(), 1);
    assert_eq!(imports("net", "use crate::store::Db;").len(), 1);
    assert!(imports("rooms", "use crate::scheduler::X; use crate::net::Y;").is_empty());
}

#[test]
fn our_own_client_is_for_the_bench_only() {
    assert_eq!(imports("api", "use crate::client::Client;").len(), 1);
    assert!(imports("cli", "use crate::client::Client;").is_empty());
}

#[test]
fn each_impurity_is_found_and_none_in_tests_comments_or_longer_words() {
    for (word, _) in IMPURE {
        let line =
            if word.starts_with('.') { format!("fn f() {{ x{word}; }}") } else { format!("fn f() {{ {word} }}") };
        assert!(!impurities(&line, &[]).is_empty(), "{word}");
        assert!(impurities(&format!("// {word}\nconst A: &str = \"{word}\";"), &[]).is_empty(), "{word}");
        assert!(impurities(&format!("#[cfg(test)]\nmod tests {{ fn f() {{ {line} }} }}"), &[]).is_empty(), "{word}");
        assert!(impurities(&line, &[word]).is_empty(), "{word}");
    }
    assert!(impurities("struct MutexLike; fn my_getrandom_free() {}", &[]).is_empty());
}

#[test]
fn code_behind_a_test_module_is_looked_at_again() {
    let text = "#[cfg(test)]\nmod tests { fn a() { \"}\"; } }\nfn b() { Instant::now(); }";
    assert_eq!(impurities(text, &[]), ["line 3: `Instant::now` is a clock"]);
}

#[test]
fn routes_by_hand_are_found() {
    assert_eq!(routes("let router = Router::new().route(\"/x\", get(x));").len(), 2);
    assert_eq!(routes("router\n    .fallback(unknown)").len(), 1);
    assert!(routes("routes.add(Access::Public, routes!(x)); // Router::new()").is_empty());
}

#[test]
fn unsafe_is_found_as_a_word() {
    assert_eq!(unsafe_code("fn f() { unsafe { g() } }").len(), 1);
    assert!(unsafe_code("#![deny(unsafe_op_in_unsafe_fn)] // unsafe\nlet a = \"unsafe\";").is_empty());
}

#[test]
fn a_long_file_needs_a_reason() {
    let long = "fn f() {}\n".repeat(MAX_LINES + 1);
    assert_eq!(length(&long).len(), 1);
    assert!(length(&format!("//! {REASON} it is a table.\n{long}")).is_empty());
    assert!(length("fn f() {}\n").is_empty());
}

#[test]
fn banned_crates_are_found_by_their_whole_names() {
    let tree = "visavis v0.1.0 (/x)\nring v0.17.14\nring v0.17.14 (*)\nstringy v1.0.0\n";
    assert_eq!(banned(tree, &["ring"]).len(), 1);
    assert!(banned("string v1.0.0\n", &["ring"]).is_empty());
}

#[test]
fn a_setting_that_nothing_reads_is_found() {
    let settings =
        "pub struct S {\n    /// A.\n    pub port: u16,\n    pub port_two: u16,\n}\nimpl S {\n    pub fn f() {}\n}\n";
    assert_eq!(unread(settings, "let a = settings.port;"), ["port_two"]);
    assert!(unread(settings, "settings.port + settings.rtc.port_two").is_empty());
}
