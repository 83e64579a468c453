# A state that is kept in a bucket, and locked there.

terraform {
  backend "s3" {
    bucket                      = "states"
    key                         = "sea/terraform.tfstate"
    use_lockfile                = true
    use_path_style              = true
    skip_metadata_api_check     = true
    skip_credentials_validation = true
  }
}

variable "greeting" { default = "hello" }

resource "terraform_data" "greeting" {
  input = var.greeting
}

output "greeting" {
  value = terraform_data.greeting.output
}
