//! Has the crate compiled again when the playground's build, which it embeds, has changed.

fn main() -> std::io::Result<()> {
    // A path that is not there would count as changed every time.
    std::fs::create_dir_all("../www/dist")?;
    #[expect(
        clippy::print_stdout,
        reason = "this is how a build script speaks to cargo"
    )]
    {
        println!("cargo:rerun-if-changed=../www/dist");
    }
    Ok(())
}
