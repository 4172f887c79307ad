//! Layering, unknown keys, and what is refused.

use super::*;

fn flags(pairs: &[(&str, &str)]) -> Flags {
    let values = pairs
        .iter()
        .map(|(key, value)| (format!("--set {key}"), (*key).to_owned(), (*value).to_owned()))
        .collect();
    Flags { config: None, values }
}

fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("image-factory.toml"), text).unwrap();
    folder
}

fn at(folder: &tempfile::TempDir, more: &[(&str, &str)]) -> Flags {
    let mut flags = flags(&[("data_dir", folder.path().to_str().unwrap())]);
    flags.values.extend(self::flags(more).values);
    flags
}

#[test]
fn each_layer_wins_over_the_one_before() {
    let folder = folder_with("listen = \"127.0.0.1:1\"\n[limits]\nbody_bytes = \"1MiB\"\n");
    let file = resolve(&Environment::default(), &at(&folder, &[])).unwrap();
    assert_eq!(file.config.listen.port(), 1);
    assert_eq!(file.config.limits.body_bytes, 1024 * 1024);
    let environment = Environment::from([("IMAGE_FACTORY_LISTEN", "127.0.0.1:2")]);
    assert_eq!(resolve(&environment, &at(&folder, &[])).unwrap().config.listen.port(), 2);
    let all = resolve(&environment, &at(&folder, &[("listen", "127.0.0.1:3")])).unwrap();
    assert_eq!(all.config.listen.port(), 3);
    let origin = |key: &str| all.show(false).into_iter().find(|shown| shown.key == key).unwrap().origin;
    assert_eq!(origin("listen"), "flag --set listen");
    assert!(origin("limits.body_bytes").starts_with("file "));
    assert_eq!(origin("limits.work_bytes"), "default");
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_name() {
    let folder = folder_with("[limits]\nbody_byte = 1\n");
    let error = resolve(&Environment::default(), &at(&folder, &[])).unwrap_err().to_string();
    assert!(error.contains("`limits.body_byte`; did you mean `limits.body_bytes`?"), "{error}");
    let folder = folder_with("");
    let environment = Environment::from([("IMAGE_FACTORY_LISTN", "127.0.0.1:2")]);
    let error = resolve(&environment, &at(&folder, &[])).unwrap_err().to_string();
    assert!(error.contains("did you mean `IMAGE_FACTORY_LISTEN`?"), "{error}");
}

#[test]
fn a_value_of_the_wrong_kind_names_its_origin() {
    let folder = folder_with("listen = 8080\n");
    let error = resolve(&Environment::default(), &at(&folder, &[])).unwrap_err().to_string();
    assert!(error.contains("image-factory.toml") && error.contains("address with a port"), "{error}");
}

#[test]
fn an_address_that_others_reach_needs_tls_or_a_word() {
    let folder = folder_with("");
    let open = |more: &[(&str, &str)]| resolve(&Environment::default(), &at(&folder, more));
    let error = open(&[("listen", "0.0.0.0:8080")]).unwrap_err().to_string();
    assert!(error.contains("--insecure"), "{error}");
    assert!(open(&[("listen", "0.0.0.0:8080"), ("insecure", "true")]).is_ok());
    assert!(open(&[("listen", "[::]:1"), ("tls.cert", "c"), ("tls.key", "k")]).is_ok());
    assert!(open(&[("listen", "[::1]:1")]).is_ok());
    assert!(open(&[("tls.cert", "c")]).is_err());
}

#[test]
fn usual_proxy_variables_count_below_our_own() {
    let folder = folder_with("");
    let usual = ("https_proxy", "http://user:word@proxy:3128");
    let environment = Environment::from([usual]);
    let resolved = resolve(&environment, &at(&folder, &[])).unwrap();
    assert_eq!(resolved.config.steps.https_proxy.as_deref(), Some(usual.1));
    let shown = |redacted| {
        let all = resolved.show(redacted);
        all.into_iter().find(|shown| shown.key == "steps.https_proxy").unwrap().value
    };
    assert_eq!(shown(true), "http://***@proxy:3128");
    assert_eq!(shown(false), usual.1);
    let own = Environment::from([usual, ("IMAGE_FACTORY_STEPS_HTTPS_PROXY", "http://other:1")]);
    let resolved = resolve(&own, &at(&folder, &[])).unwrap();
    assert_eq!(resolved.config.steps.https_proxy.as_deref(), Some("http://other:1"));
}

#[test]
fn no_list_and_no_message_shows_a_credential() {
    let folder = folder_with("");
    let lists = [
        ("steps.mirrors.go", "https://u:w0rd@a,https://v:w0rd@b|direct"),
        ("steps.no_proxy", "a.example,u:w0rd@b.example"),
        ("steps.mirrors.registries", "docker.io=u:w0rd@mirror.example:5000"),
    ];
    let resolved = resolve(&Environment::default(), &at(&folder, &lists)).unwrap();
    let shown = serde_json::to_string(&resolved.show(true)).unwrap();
    assert!(!shown.contains("w0rd") && shown.contains("***@mirror.example:5000"), "{shown}");
    let long = format!("ftp://u:{}w0rd@h", "x".repeat(200));
    for (key, value) in [
        ("steps.https_proxy", "ftp://u:w0rd@proxy"),
        ("steps.https_proxy", "u:w0rd@proxy:3128"),
        ("steps.https_proxy", &long),
        ("steps.git_local_hosts", "a.example,u:w0rd@b.example"),
    ] {
        let error = resolve(&Environment::default(), &at(&folder, &[(key, value)])).unwrap_err().to_string();
        assert!(error.contains("***@") && !error.contains("w0rd") && !error.contains("xxx"), "{error}");
    }
    let folder = folder_with("[steps]\nhttps_proxy = http://u:w0rd@proxy:3128\n");
    let error = resolve(&Environment::default(), &at(&folder, &[])).unwrap_err().to_string();
    assert!(error.contains("***@proxy") && !error.contains("w0rd"), "{error}");
}

#[test]
fn a_table_of_mirrors_keeps_its_dotted_names() {
    let folder = folder_with("[steps.mirrors.registries]\n\"docker.io\" = \"mirror.example:5000\"\n");
    let resolved = resolve(&Environment::default(), &at(&folder, &[])).unwrap();
    assert_eq!(resolved.config.steps.mirrors.registries["docker.io"], "mirror.example:5000");
}

#[test]
fn a_limit_of_zero_that_would_stop_everything_is_refused() {
    let folder = folder_with("");
    let set = |key, value| resolve(&Environment::default(), &at(&folder, &[(key, value)]));
    assert!(set("limits.concurrent_attempts", "0").is_err());
    assert!(set("limits.tool_memory_bytes", "0").is_ok());
}

#[test]
fn a_named_file_must_exist() {
    let flags = Flags { config: Some("/nonexistent/x.toml".into()), ..flags(&[("data_dir", "/d")]) };
    assert!(matches!(resolve(&Environment::default(), &flags), Err(ConfigError::Unreadable { .. })));
}

#[test]
fn the_password_of_a_database_is_never_shown() {
    let folder = folder_with("");
    for (url, shown) in [
        ("postgres://u:s3cret@db.example:5432/runs", "postgres://***@db.example:5432/runs"),
        ("postgresql://u:s3/cr@et@db.example/runs", "postgresql://***@db.example/runs"),
        ("postgres://db.example/runs?user=u&password=s3cret", "postgres://db.example/runs?***"),
    ] {
        let resolved = resolve(&Environment::default(), &at(&folder, &[("database.url", url)])).unwrap();
        let row = resolved.show(false).into_iter().find(|row| row.key == "database.url").unwrap();
        assert_eq!(row.value, shown);
        assert_eq!(resolved.config.database.url.as_ref().map(|url| url.0.as_str()), Some(url));
        assert!(!format!("{:?}", resolved.config).contains("s3"), "{url}");
    }
    let mistyped = at(&folder, &[("database.url", "postgre://u:s3cret@db.example/runs")]);
    let error = resolve(&Environment::default(), &mistyped).unwrap_err().to_string();
    assert!(error.contains("database.url") && !error.contains("s3cret"), "{error}");
}
