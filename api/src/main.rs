//! The program `image-factory`.

fn main() -> std::process::ExitCode {
    image_factory::cli::main()
}
