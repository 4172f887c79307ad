//! Scripts that succeed, fail, ask again, and try to get out.

use steps_kit::harness::{Harness, check_contract};
use steps_kit::outputs;
use vocab::{ErrorClass, Inputs, SecretRef, Value};

use super::*;

fn trusted() -> Harness {
    let mut harness = Harness::new();
    harness.trust_host = true;
    harness
}

fn script(text: &str) -> Inputs {
    outputs([("script", text.into())])
}

async fn run(harness: &Harness, inputs: Inputs) -> Result<Outputs, ActionError> {
    harness.run(&ShellRun::new(), inputs).await
}

#[tokio::test]
async fn the_action_keeps_its_contract() {
    let setup = async || (trusted(), script("echo count=3 >> \"$FACTORY_OUTPUTS\"; sleep 0.1"));
    check_contract(&ShellRun::new(), setup).await;
}

#[tokio::test]
async fn a_project_without_trust_runs_nothing_on_the_host() {
    let harness = Harness::new();
    let mark = harness.folder().join("mark");
    let error = run(&harness, script(&format!("touch {}", mark.display()))).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Gate);
    assert!(!mark.exists());
}

#[tokio::test]
async fn values_come_by_environment_and_are_never_part_of_the_script() {
    let harness = trusted();
    let mut inputs = script("printf 'said=%s\\n' \"$WORD\" >> \"$FACTORY_OUTPUTS\"");
    let word = "'; touch pwned; $(touch pwned) `touch pwned`";
    inputs.insert("env".to_owned(), Value::Map([("WORD".to_owned(), word.into())].into()));
    let given = run(&harness, inputs).await.unwrap();
    assert_eq!(given["outputs"], Value::Map([("said".to_owned(), word.into())].into()));
    let empty = harness.artifacts.put_files(&[]);
    assert_eq!(given["tree"], empty.into());
}

#[tokio::test]
async fn trees_come_in_as_folders_and_go_out_the_same_whoever_ran_it() {
    let harness = trusted();
    let tree = harness.artifacts.put_files(&[("a/file", "text\n"), ("tool", "x")]);
    let mut inputs = script("umask 077; mkdir out; cp -r src/a out/; ln -s a out/link; chmod 700 out/a/file");
    inputs.insert("mounts".to_owned(), Value::Map([("src".to_owned(), tree.into())].into()));
    inputs.insert("collect".to_owned(), "out".into());
    let first = run(&harness, inputs.clone()).await.unwrap();
    assert!(first["tree"].as_artifact().is_some());
    assert_eq!(run(&harness, inputs).await.unwrap(), first);
}

#[tokio::test]
async fn the_whole_work_folder_may_be_the_output_without_the_factorys_own_files() {
    let harness = trusted();
    let mut inputs = script("echo hello > file");
    inputs.insert("collect".to_owned(), ".".into());
    let given = run(&harness, inputs).await.unwrap();
    let wanted = tree_of_one_file();
    let bytes = harness.artifacts.bytes(given["tree"].as_artifact().unwrap());
    assert_eq!(vocab::Digest::of(bytes), wanted);
}

fn tree_of_one_file() -> vocab::Digest {
    let folder = tempfile_with("hello\n");
    let options = tree::PackOptions {
        owners: tree::Owners::Root,
        modes: tree::Modes::Plain,
        ..tree::PackOptions::at(946_684_800, tree::Limits::from(&vocab::Limits::default()))
    };
    tree::pack(folder.path(), std::io::sink(), &options).unwrap().digest
}

fn tempfile_with(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), text).unwrap();
    folder
}

#[tokio::test]
async fn exit_codes_decide_about_a_retry() {
    for (text, class) in [
        ("exit 1", ErrorClass::Permanent),
        ("exit 75", ErrorClass::Transient),
        ("false; echo not reached", ErrorClass::Permanent),
        ("echo $UNSET", ErrorClass::Permanent),
        ("kill -9 $$", ErrorClass::Permanent),
    ] {
        let error = run(&trusted(), script(text)).await.unwrap_err();
        assert_eq!(error.class, class, "{text}: {error}");
    }
}

#[tokio::test]
async fn an_output_folder_outside_of_the_work_folder_is_refused() {
    for (text, path) in
        [("true", "/etc"), ("true", "../"), ("ln -s /etc out", "out"), ("true", "nowhere"), ("touch f", "f")]
    {
        let mut inputs = script(text);
        inputs.insert("collect".to_owned(), path.into());
        let error = run(&trusted(), inputs).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permanent, "{path}: {error}");
    }
}

#[tokio::test]
async fn results_that_are_too_large_or_links_are_refused() {
    for text in [
        "head -c 100000 /dev/zero | tr '\\0' x > \"$FACTORY_OUTPUTS\"",
        "ln -sf /etc/passwd \"$FACTORY_OUTPUTS\"",
        "rm \"$FACTORY_OUTPUTS\"; mkfifo \"$FACTORY_OUTPUTS\"",
    ] {
        let error = run(&trusted(), script(text)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permanent, "{text}: {error}");
    }
}

#[tokio::test]
async fn a_secret_reaches_the_script_and_not_the_log() {
    let harness = trusted();
    harness.secrets.add("deploy", "hunter2hunter2");
    let mut inputs = script("test \"$TOKEN\" = hunter2hunter2; echo \"the token is $TOKEN\"");
    let secret = Value::Secret(SecretRef("deploy".to_owned()));
    inputs.insert("secrets".to_owned(), Value::Map([("TOKEN".to_owned(), secret)].into()));
    run(&harness, inputs).await.unwrap();
    assert!(harness.log.text().contains("the token is ***"));
}

#[tokio::test]
async fn variables_that_would_change_the_factorys_own_are_refused() {
    for name in ["PATH", "LD_PRELOAD", "FACTORY_OUTPUTS", "A B", "1A", "", "A=B"] {
        let mut inputs = script("true");
        inputs.insert("env".to_owned(), Value::Map([(name.to_owned(), "x".into())].into()));
        assert!(run(&trusted(), inputs).await.is_err(), "{name}");
    }
    for name in ["..", "a/b", ".factory", ""] {
        let mut inputs = script("true");
        let tree = trusted().artifacts.put_files(&[("x", "y")]);
        inputs.insert("mounts".to_owned(), Value::Map([(name.to_owned(), tree.into())].into()));
        assert!(run(&trusted(), inputs).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_missing_shell_is_named() {
    let mut inputs = script("x");
    inputs.insert("shell".to_owned(), Value::List(vec!["no-such-shell".into()]));
    let error = run(&trusted(), inputs).await.unwrap_err();
    assert!(error.message.contains("no-such-shell"), "{error}");
}
