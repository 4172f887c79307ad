//! What stands before each route, made from its description: path and method. What the filter behind it would take
//! beyond that never reaches it.

use std::future::ready;
use std::sync::Arc;

use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::path::FullPath;

use super::Part;
use super::table::{Route, Verb};
use crate::factory::Factory;

/// Those of `routes`, tried in their order.
pub(super) fn serve(routes: &[&'static Route], state: &Arc<Factory>) -> Option<Part> {
    // As a tree, not as a chain: a request then passes through few filters to reach any of them.
    match routes {
        [] => None,
        [route] => Some(gate(route).and((route.serve)(state)).boxed()),
        more => {
            let (first, rest) = more.split_at(more.len() / 2);
            match (serve(first, state), serve(rest, state)) {
                (Some(first), Some(rest)) => Some(first.or(rest).unify().boxed()),
                (one, other) => one.or(other),
            }
        }
    }
}

/// Lets requests pass that are the route's. One with its path and another method is 405, unless another route has it.
fn gate(route: &'static Route) -> BoxedFilter<()> {
    let path = warp::path::full()
        .and_then(move |full: FullPath| {
            ready(if fits(route.path, full.as_str()) { Ok(()) } else { Err(warp::reject::not_found()) })
        })
        .untuple_one();
    match route.verb {
        Verb::Get => path.and(warp::get()).boxed(),
        Verb::Post => path.and(warp::post()).boxed(),
        Verb::Patch => path.and(warp::patch()).boxed(),
        Verb::Delete => path.and(warp::delete()).boxed(),
    }
}

/// Whether a path is of the form of `pattern`. A slash at its end does not count, as with warp's own.
fn fits(pattern: &str, path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_its_own_form_only() {
        let runs = |path| fits("/api/v1/runs/{run}/steps", path);
        assert!(runs("/api/v1/runs/1/steps") && runs("/api/v1/runs/1/steps/"));
        for other in [
            "/",
            "/api/v1/runs/1",
            "/api/v1/runs//steps",
            "/api/v1/runs/1/steps/2",
            "/api/v1/runs/1/steps//",
            "//api/v1/runs/1/steps",
            "/v2/runs/1/steps",
        ] {
            assert!(!runs(other), "{other}");
        }
        assert!(fits("/api/v1", "/api/v1") && fits("/api/v1", "/api/v1/"));
    }

    static NARROW: Route = Route { verb: Verb::Post, path: "/a/{one}", ..Route::USUAL };

    #[tokio::test]
    async fn a_filter_that_takes_everything_gets_only_what_its_line_says() {
        let everything = gate(&NARROW).map(|| "taken");
        let ask = async |method: &str, path: &str| {
            warp::test::request().method(method).path(path).reply(&everything).await.status().as_u16()
        };
        assert_eq!(ask("POST", "/a/1").await, 200);
        assert_eq!(ask("GET", "/a/1").await, 405);
        assert_eq!(ask("POST", "/a/1/2").await, 404);
        assert_eq!(ask("POST", "/b/1").await, 404);
    }
}
