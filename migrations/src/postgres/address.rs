//! The address of a server: read once, shown without its password.

use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;

use crate::{Error, Place};

/// Reads an address and names the place.
pub(super) fn read(address: &str) -> Result<(PgConnectOptions, Place), Error> {
    let scheme = address.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("postgres" | "postgresql")) {
        return Err(Error::Address { reason: "it begins with another word".to_owned() });
    }
    let options = PgConnectOptions::from_str(address).map_err(|error| match error {
        sqlx::Error::Configuration(reason) => Error::Address { reason: reason.to_string() },
        other => Error::Address { reason: other.to_string() },
    })?;
    let place = place(&options);
    Ok((options, place))
}

fn place(options: &PgConnectOptions) -> Place {
    let host = match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    // A server takes the user's name where none is given.
    let user = options.get_username();
    Place::Server(format!("postgres://{user}@{host}/{}", options.get_database().unwrap_or(user)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_shown_without_its_password() {
        for (address, shown) in [
            ("postgres://factory:s3cret@db.example:6432/engine", "postgres://factory@db.example:6432/engine"),
            ("postgresql://factory:s3cret@db.example", "postgres://factory@db.example:5432/factory"),
            ("postgres://factory:s3cret@localhost/engine?host=/run/pg", "postgres://factory@/run/pg/engine"),
        ] {
            let (_, place) = read(address).unwrap();
            assert_eq!(place.to_string(), shown);
        }
    }

    #[test]
    fn an_address_that_cannot_be_read_is_not_shown() {
        for address in
            ["mysql://factory:s3cret@db", "factory:s3cret@db", "postgres://factory:s3cret@db:port/x"]
        {
            let error = read(address).unwrap_err().to_string();
            assert!(error.contains("postgres://USER:PASSWORD@HOST") && !error.contains("s3cret"), "{error}");
        }
    }
}
