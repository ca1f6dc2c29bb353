//! Has the crate compiled again when the playground's build, which it embeds, has changed.

fn main() -> std::io::Result<()> {
    // A path that is not there would count as changed every time.
    std::fs::create_dir_all("../www/dist")?;
    println!("cargo:rerun-if-changed=../www/dist");
    Ok(())
}
