terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
}

data "aws_organizations_organization" "all" {}

resource "aws_organizations_account" "team" {
  name              = "team"
  email             = "team@example.com"
  close_on_deletion = true
}

# The provider enters the new account by its role.
provider "aws" {
  alias                   = "team"
  skip_metadata_api_check = true
  assume_role {
    role_arn     = "arn:aws:iam::${aws_organizations_account.team.id}:role/OrganizationAccountAccessRole"
    session_name = "terraform"
    policy       = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["ecr:*", "sts:*"], Resource = "*" }] })
  }
}

data "aws_caller_identity" "inside" {
  provider   = aws.team
  depends_on = [aws_ecr_repository.web]
}

resource "aws_ecr_repository" "web" {
  provider     = aws.team
  name         = "web"
  force_delete = true
}

output "team" { value = aws_organizations_account.team.id }
output "parent" { value = aws_organizations_account.team.parent_id == data.aws_organizations_organization.all.roots[0].id }
output "inside" { value = data.aws_caller_identity.inside.arn }
output "repository" { value = aws_ecr_repository.web.arn }
