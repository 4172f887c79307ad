//! The text of a first workflow.

use std::path::Path;

use minijinja::context;
use vocab::Name;

use super::survey::Survey;

const TEMPLATE: &str = r#"# A first workflow, written by `image-factory init`. Check it with `image-factory lint`, run it with
# `image-factory run`, and change it to your liking: `image-factory actions list` shows what else there is.
{%- if packer %}
#
# Packer templates were found, too; this version has no action for them:
{%- for path in packer %}
#   {{ path }}
{%- endfor %}
{%- endif %}
apiVersion: imagefactory/v1
kind: Workflow
metadata:
  name: {{ name }}

on:
  push:
    branches: ["{{ branch }}"]
  manual:

steps:
  source:
    uses: git/fetch@v1

{%- if containerfile %}

  build:
    uses: container/buildah@v1
    with:
      context: {% raw %}${{ steps.source.outputs.tree }}{% endraw %}
      path: {{ folder }}
      file: {{ containerfile }}
      network: egress # `RUN` may fetch packages; without it the build is reproducible
    timeout: 30m
{%- else %}

  build:
    uses: container/assemble@v1
    with:
      layers:
        - tree: {% raw %}${{ steps.source.outputs.tree }}{% endraw %}
          prefix: srv/{{ name }}
{%- endif %}

  push:
    uses: registry/push@v1
    with:
      image: {% raw %}${{ steps.build.outputs.image }}{% endraw %}
      repository: {{ name }}

  tag:
    uses: registry/tag@v1
    with:
      reference: {% raw %}${{ steps.push.outputs.reference }}{% endraw %}
      tag: latest

outputs:
  image: {% raw %}${{ steps.tag.outputs.reference }}{% endraw %}
"#;

/// The workflow for what was found.
pub(super) fn workflow(survey: &Survey, name: &Name, branch: &str) -> Result<String, minijinja::Error> {
    let containerfile = survey.containerfiles.first();
    let text = |path: &Path| quoted(&path.to_string_lossy());
    let folder = containerfile.and_then(|path| path.parent()).filter(|folder| *folder != Path::new(""));
    let rendered = minijinja::Environment::new().render_str(
        TEMPLATE,
        context! {
            name => name.as_str(),
            branch => branch,
            folder => folder.map_or_else(|| ".".to_owned(), text),
            containerfile => containerfile.and_then(|path| path.file_name()).map(|name| text(Path::new(name))),
            packer => survey.packer.iter().map(|path| text(path)).collect::<Vec<_>>(),
        },
    )?;
    Ok(format!("{}\n", rendered.trim_end()))
}

/// A text as YAML takes it, with quotes where it needs them.
fn quoted(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if plain && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return text.to_owned();
    }
    // JSON's strings are YAML's.
    serde_json::Value::from(text).to_string()
}
