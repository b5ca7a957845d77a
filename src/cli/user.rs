//! `visavis user`: accounts, for whoever has a shell on the machine.
//!
//! It works on the database itself, whether a server runs or not: SQLite lets two processes write in turn, and the
//! server asks the database anew with each request, so what is done here holds at once.

use std::io::{self, BufRead, IsTerminal, Write, stderr, stdin};
use std::process::{Command as Process, Stdio};
use std::sync::Arc;

use clap::{Args, Subcommand};
use rand::Rng;

use super::args::SettingsArgs;
use super::{Failure, backup};
use crate::accounts::{Accounts, AccountsError, NewPerson, PeopleFilter, Person, SessionRow};
use crate::clock::SystemClock;
use crate::config::{AccountSettings, Secret};
use crate::error::chain;
use crate::store::{Actor, OpenError, Role, Store};
use crate::units::{UnixTime, rfc3339};

/// Letters of generated passwords: none that look alike.
const ALPHABET: &[u8] = b"23456789abcdefghijkmnpqrstuvwxyz";
/// Groups of four letters in a generated password: five make 100 bits.
const GROUPS: usize = 5;
/// Longest password that is read.
const MAX_LINE: u64 = 4096;
/// People asked for at a time.
const PAGE: u16 = 200;

/// Accounts of the installation.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Makes an account.
    Add(Add),
    /// Lists the accounts.
    List(List),
    /// Gives somebody another role.
    Role(SetRole),
    /// Sets somebody's password and signs them out everywhere.
    Password(Password),
    /// Closes an account at once.
    Disable(One),
    /// Opens a closed account.
    Enable(One),
    /// Forgets a person for ever; consultations and call logs stay, without the name.
    Erase(Erase),
    /// Lists where somebody is signed in.
    Sessions(Sessions),
}

/// Makes an account.
#[derive(Debug, Args)]
pub(super) struct Add {
    #[command(flatten)]
    settings: SettingsArgs,
    /// E-mail address.
    #[arg(long)]
    email: String,
    /// Name as others see it.
    #[arg(long)]
    name: String,
    /// customer, expert or admin.
    #[arg(long, default_value = "customer")]
    role: Role,
    /// Time zone, as `Europe/Rome`.
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Language, as `en` or `de-CH`.
    #[arg(long, value_name = "TAG")]
    locale: Option<String>,
    /// Makes a password up and prints it, once.
    #[arg(long, conflicts_with = "invite")]
    generate: bool,
    /// Sends a mail by which its owner chooses a password.
    #[arg(long)]
    invite: bool,
}

/// Lists accounts.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    settings: SettingsArgs,
    /// Part of a name or address.
    search: Option<String>,
    /// Of one role.
    #[arg(long)]
    role: Option<Role>,
}

/// Somebody's new role.
#[derive(Debug, Args)]
pub(super) struct SetRole {
    #[command(flatten)]
    settings: SettingsArgs,
    /// E-mail address of the account.
    email: String,
    /// customer, expert or admin.
    role: Role,
}

/// Somebody's new password: asked for, or the first line of standard input.
#[derive(Debug, Args)]
pub(super) struct Password {
    #[command(flatten)]
    settings: SettingsArgs,
    /// E-mail address of the account.
    email: String,
    /// Makes a password up and prints it, once.
    #[arg(long)]
    generate: bool,
}

/// One account.
#[derive(Debug, Args)]
pub(super) struct One {
    #[command(flatten)]
    settings: SettingsArgs,
    /// E-mail address of the account.
    email: String,
}

/// One account to be erased.
#[derive(Debug, Args)]
pub(super) struct Erase {
    #[command(flatten)]
    settings: SettingsArgs,
    /// E-mail address of the account.
    email: String,
    /// Does it; there is no way back.
    #[arg(long)]
    yes: bool,
}

/// Somebody's sessions.
#[derive(Debug, Args)]
pub(super) struct Sessions {
    #[command(flatten)]
    settings: SettingsArgs,
    /// E-mail address of the account.
    email: String,
    /// Signs the person out everywhere.
    #[arg(long)]
    revoke: bool,
}

impl UserCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| Failure::runtime(format!("cannot start: {error}")))?;
        let text = runtime.block_on(async {
            tokio::select! {
                result = self.text() => result,
                _ = tokio::signal::ctrl_c() => Err(Failure::runtime("interrupted; nothing was changed")),
            }
        });
        // Whoever was asked for a password may still sit before the question.
        runtime.shutdown_background();
        print!("{}", text?);
        Ok(())
    }

    /// Does it, and gives what there is to say.
    async fn text(self) -> Result<String, Failure> {
        match self {
            Self::Add(it) => it.text().await,
            Self::List(it) => it.text().await,
            Self::Role(it) => {
                let (accounts, person) = one(it.settings, &it.email).await?;
                let person = accounts.set_role(Actor::System, person.id, it.role).await?;
                Ok(format!("{} is {} now, and has to sign in again\n", person.email, article(person.role)))
            }
            Self::Password(it) => it.text().await,
            Self::Disable(it) => {
                let (accounts, person) = one(it.settings, &it.email).await?;
                accounts.disable(Actor::System, person.id).await?;
                Ok(format!("{} is closed, and signed out everywhere\n", person.email))
            }
            Self::Enable(it) => {
                let (accounts, person) = one(it.settings, &it.email).await?;
                accounts.enable(Actor::System, person.id).await?;
                Ok(format!("{} is open\n", person.email))
            }
            Self::Erase(it) => it.text().await,
            Self::Sessions(it) => it.text().await,
        }
    }
}

impl Add {
    async fn text(self) -> Result<String, Failure> {
        let accounts = open(self.settings)?;
        let (password, said) = match (self.invite, self.generate) {
            (true, _) => (None, "a mail invites its owner to choose a password".to_owned()),
            (_, true) => {
                let password = generated(&mut rand::rng());
                let said = format!("password, shown this once: {}", password.reveal());
                (Some(password), said)
            }
            _ => (Some(asked().await?), "sign in with the password that you gave".to_owned()),
        };
        let new = NewPerson {
            email: self.email,
            name: self.name,
            password: password.map(|password| password.reveal().to_owned()),
            role: self.role,
            tz: self.tz,
            locale: self.locale,
            phone: None,
        };
        let person = accounts.create(Actor::System, new).await?;
        Ok(format!("{} is {} now\n{said}\n", person.email, article(person.role)))
    }
}

impl List {
    async fn text(self) -> Result<String, Failure> {
        let accounts = open(self.settings)?;
        let filter = PeopleFilter { search: self.search, role: self.role, status: None };
        let (mut text, mut cursor) = (String::new(), None::<String>);
        loop {
            let page = accounts.people(Actor::System, filter.clone(), cursor.as_deref(), PAGE).await?;
            page.people.iter().for_each(|person| text.push_str(&line(person)));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(if text.is_empty() { "nobody\n".to_owned() } else { text })
    }
}

impl Password {
    async fn text(self) -> Result<String, Failure> {
        let (accounts, person) = one(self.settings, &self.email).await?;
        let password = if self.generate { generated(&mut rand::rng()) } else { asked().await? };
        accounts.set_password(Actor::System, person.id, password.reveal()).await?;
        let shown =
            if self.generate { format!("password, shown this once: {}\n", password.reveal()) } else { String::new() };
        Ok(format!("{} has a new password, and is signed out everywhere\n{shown}", person.email))
    }
}

impl Erase {
    async fn text(self) -> Result<String, Failure> {
        let (accounts, person) = one(self.settings, &self.email).await?;
        if !self.yes {
            let text = "would forget this person for ever; give --yes to do it";
            return Err(Failure::usage(format!("{} ({}): {text}", person.email, person.name)));
        }
        accounts.erase(Actor::System, person.id).await?;
        Ok(format!("erased; what is left of the account is named {}\n", person.id))
    }
}

impl Sessions {
    async fn text(self) -> Result<String, Failure> {
        let (accounts, person) = one(self.settings, &self.email).await?;
        if self.revoke {
            let count = accounts.sign_out_everywhere(Actor::System, person.id, None).await?;
            return Ok(format!("{} is signed out: {count} sessions\n", person.email));
        }
        let sessions = accounts.sessions_of(Actor::System, person.id).await?;
        let text: String = sessions.iter().map(device).collect();
        Ok(if text.is_empty() { format!("{} is signed in nowhere\n", person.email) } else { text })
    }
}

impl From<AccountsError> for Failure {
    fn from(error: AccountsError) -> Self {
        Self::runtime(chain(&error))
    }
}

/// The accounts of the data folder, beside a server where one runs.
fn open(settings: SettingsArgs) -> Result<Accounts, Failure> {
    let folder = backup::data_folder(settings)?;
    let store = match Store::open(&folder, 1) {
        Err(OpenError::InUse { .. }) => Store::open_beside(&folder, 1),
        opened => opened,
    };
    let store = store.map_err(|error| Failure::runtime(chain(&error)))?;
    Ok(Accounts::new(store, Arc::new(SystemClock), AccountSettings::default()))
}

/// The accounts with the one of an address.
async fn one(settings: SettingsArgs, email: &str) -> Result<(Accounts, Person), Failure> {
    let accounts = open(settings)?;
    match accounts.person_by_email(Actor::System, email).await {
        Ok(person) => Ok((accounts, person)),
        Err(AccountsError::NotFound) => {
            Err(Failure::runtime(format!("nobody has the address {email}; see `visavis user list`")))
        }
        Err(error) => Err(error.into()),
    }
}

fn article(role: Role) -> &'static str {
    match role {
        Role::Customer => "a customer",
        Role::Expert => "an expert",
        Role::Admin => "an administrator",
    }
}

fn line(person: &Person) -> String {
    let (role, status) = (person.role.as_str(), person.status.as_str());
    format!("{role:<9} {status:<9} {}  {}  {}\n", day(person.created_at), person.email, person.name)
}

fn device(session: &SessionRow) -> String {
    let (seen, since) = (minute(session.last_seen_at), minute(session.created_at));
    format!("{seen}  since {since}  {}  {}\n", session.address, session.user_agent)
}

fn minute(time: UnixTime) -> String {
    rfc3339::timestamp(time).strftime("%F %H:%MZ").to_string()
}

fn day(time: UnixTime) -> String {
    minute(time).chars().take(10).collect()
}

/// A password that nobody guesses and that can be read out.
fn generated(rng: &mut impl Rng) -> Secret {
    let mut bytes = [0; GROUPS * 4];
    rng.fill_bytes(&mut bytes);
    let letters: Vec<u8> = bytes.iter().map(|byte| ALPHABET[usize::from(*byte) % ALPHABET.len()]).collect();
    let groups: Vec<_> = letters.chunks(4).map(String::from_utf8_lossy).collect();
    Secret::new(groups.join("-"))
}

/// A password from the terminal, unseen and asked for twice, or from the first line of standard input. Never from an
/// argument: everybody on the machine sees those.
async fn asked() -> Result<Secret, Failure> {
    if !stdin().is_terminal() {
        return tokio::task::spawn_blocking(|| line_of(stdin().lock())).await.map_err(Failure::runtime)?;
    }
    // Dropped, and with it the terminal put right again, also when the question is interrupted.
    let _unseen = Unseen::new();
    let ask = |prompt: &'static str| async move {
        eprint!("{prompt}");
        // A prompt that is not seen does no harm.
        let _ = stderr().flush();
        let line = tokio::task::spawn_blocking(|| line_of(stdin().lock())).await.map_err(Failure::runtime)?;
        eprintln!();
        line
    };
    let password = ask("Password: ").await?;
    if password == ask("The same again: ").await? {
        Ok(password)
    } else {
        Err(Failure::usage("these were two different passwords; nothing was changed"))
    }
}

/// The first line, without its end.
fn line_of(input: impl BufRead) -> Result<Secret, Failure> {
    let mut line = String::new();
    let read = io::Read::take(input, MAX_LINE).read_line(&mut line);
    read.map_err(|error| Failure::runtime(format!("cannot read the password: {error}")))?;
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err(Failure::usage("no password was given; give one on standard input, or --generate")),
        line => Ok(Secret::new(line)),
    }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Unseen;

impl Unseen {
    fn new() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// Where there is no `stty`, what is typed is seen: better than no way at all.
fn stty(mode: &str) {
    let _ = Process::new("stty").arg(mode).stdin(Stdio::inherit()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::store::DataFolder;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(subcommand)]
        command: UserCommand,
    }

    async fn run(folder: &Path, words: &[&str]) -> Result<String, Failure> {
        let folder = folder.to_str().unwrap();
        let words = [&["x"], &words[..1], &["--data-dir", folder], &words[1..]].concat();
        Only::try_parse_from(words).unwrap().command.text().await
    }

    #[tokio::test]
    async fn the_first_administrator_is_made_with_a_password_that_is_shown_once() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(run(folder.path(), &["list"]).await.unwrap(), "nobody\n");
        let add = ["add", "--email", "root@example.org", "--name", "Root", "--role", "admin", "--generate"];
        let said = run(folder.path(), &add).await.unwrap();
        let password = said.rsplit(' ').next().unwrap().trim();
        assert_eq!(password.len(), GROUPS * 5 - 1, "{said}");
        let store = Store::open(&DataFolder::new(folder.path()), 1).unwrap();
        let accounts = Accounts::new(store, Arc::new(SystemClock), AccountSettings::default());
        accounts.sign_in("root@example.org", password, crate::accounts::Device::default()).await.unwrap();
        drop(accounts);
        let listed = run(folder.path(), &["list", "root"]).await.unwrap();
        assert!(
            listed.starts_with("admin     active    20") && listed.ends_with("  root@example.org  Root\n"),
            "{listed}"
        );
        assert!(run(folder.path(), &add).await.unwrap_err().message.contains("there is an account"));
        let error = run(folder.path(), &["disable", "root@example.org"]).await.unwrap_err();
        assert!(error.message.contains("last administrator"), "{}", error.message);
    }

    #[tokio::test]
    async fn accounts_are_changed_while_a_server_runs() {
        let folder = tempfile::tempdir().unwrap();
        let server = Store::open(&DataFolder::new(folder.path()), 1).unwrap();
        let server = Accounts::new(server, Arc::new(SystemClock), AccountSettings::default());
        run(folder.path(), &["add", "--email", "ada@example.org", "--name", "Ada", "--invite"]).await.unwrap();
        let ada = server.person_by_email(Actor::System, "ada@example.org").await.unwrap();
        assert_eq!((ada.role, ada.has_password), (Role::Customer, false));
        let said = run(folder.path(), &["password", "ada@example.org", "--generate"]).await.unwrap();
        let password = said.rsplit(' ').next().unwrap().trim();
        let signed_in = server.sign_in("ada@example.org", password, crate::accounts::Device::default()).await.unwrap();

        assert!(run(folder.path(), &["sessions", "ada@example.org"]).await.unwrap().contains("since"));
        run(folder.path(), &["role", "ada@example.org", "expert"]).await.unwrap();
        assert!(server.resolve(signed_in.session.token.reveal()).await.is_err());
        assert!(run(folder.path(), &["sessions", "ada@example.org"]).await.unwrap().contains("nowhere"));
        run(folder.path(), &["disable", "ada@example.org"]).await.unwrap();
        assert!(server.sign_in("ada@example.org", password, crate::accounts::Device::default()).await.is_err());
        run(folder.path(), &["enable", "ada@example.org"]).await.unwrap();
        assert_eq!(
            run(folder.path(), &["sessions", "ada@example.org", "--revoke"]).await.unwrap(),
            "ada@example.org is signed out: 0 sessions\n"
        );

        let error = run(folder.path(), &["erase", "ada@example.org"]).await.unwrap_err();
        assert_eq!(error.code, 2);
        run(folder.path(), &["erase", "ada@example.org", "--yes"]).await.unwrap();
        let error = run(folder.path(), &["enable", "ada@example.org"]).await.unwrap_err();
        assert!(error.message.contains("nobody has the address"), "{}", error.message);
    }

    #[test]
    fn a_password_is_the_first_line_of_the_input_and_must_be_there() {
        let read = |text: &str| line_of(text.as_bytes()).map(|secret| secret.reveal().to_owned());
        assert_eq!(read("two words \r\nmore\n"), Ok("two words ".into()));
        assert_eq!(read("no end"), Ok("no end".into()));
        assert_eq!(read("\n").unwrap_err().code, 2);
        assert_eq!(read("").unwrap_err().code, 2);
        // No option takes one.
        assert!(Only::try_parse_from(["x", "password", "a@example.org", "secret words"]).is_err());
    }
}
