terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
}

variable "mutability" { default = "MUTABLE" }
variable "team" { default = "red" }
variable "keep" {
  type    = number
  default = 10
}
variable "scope" { default = "V2" }
variable "about" { default = "first" }
variable "role" { default = "one" }
variable "upstream" {}
variable "key" {}

data "aws_caller_identity" "me" {}

resource "aws_ecr_repository" "web" {
  name                 = "team/web"
  image_tag_mutability = var.mutability
  force_delete         = true
  image_scanning_configuration {
    scan_on_push = false
  }
  encryption_configuration {
    encryption_type = "AES256"
  }
  tags = { team = var.team }
}

resource "aws_ecr_repository" "plain" {
  name = "plain"
}

resource "aws_ecr_repository" "vault" {
  name = "vault"
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.key
  }
}

resource "aws_ecr_repository" "own_key" {
  name = "own-key"
  encryption_configuration {
    encryption_type = "KMS"
  }
}

data "aws_iam_policy_document" "pull" {
  statement {
    sid     = "Pull"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    principals {
      type        = "AWS"
      identifiers = [data.aws_caller_identity.me.account_id]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalTag/team"
      values   = [var.team]
    }
  }
}

resource "aws_ecr_repository_policy" "web" {
  repository = aws_ecr_repository.web.name
  policy     = data.aws_iam_policy_document.pull.json
}

locals {
  lifecycle = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "few without a tag"
        selection    = { tagStatus = "untagged", countType = "imageCountMoreThan", countNumber = var.keep }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        selection    = { tagStatus = "tagged", tagPatternList = ["dev*"], countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
        action       = { type = "expire" }
      },
    ]
  })
}

resource "aws_ecr_lifecycle_policy" "web" {
  repository = aws_ecr_repository.web.name
  policy     = local.lifecycle
}

resource "aws_ecr_account_setting" "scope" {
  name  = "REGISTRY_POLICY_SCOPE"
  value = var.scope
}

resource "aws_ecr_account_setting" "scan" {
  name  = "BASIC_SCAN_TYPE_VERSION"
  value = "AWS_NATIVE"
}

resource "aws_ecr_registry_policy" "all" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Cache"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
      Action    = var.scope == "V2" ? ["ecr:CreateRepository", "ecr:BatchImportUpstreamImage"] : ["ecr:CreateRepository"]
      Resource  = "arn:aws:ecr:us-east-1:${data.aws_caller_identity.me.account_id}:repository/mirror/*"
    }]
  })
}

resource "aws_ecr_pull_through_cache_rule" "mirror" {
  ecr_repository_prefix = "mirror"
  upstream_registry_url = var.upstream
  custom_role_arn       = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:role/${var.role}"
}

resource "aws_ecr_pull_through_cache_rule" "quay" {
  ecr_repository_prefix      = "quay"
  upstream_registry_url      = "quay.io"
  upstream_repository_prefix = "prometheus"
}

resource "aws_ecr_repository_creation_template" "prod" {
  prefix               = "prod"
  description          = var.about
  image_tag_mutability = var.mutability
  custom_role_arn      = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:role/${var.role}"
  applied_for          = ["PULL_THROUGH_CACHE", "REPLICATION"]
  encryption_configuration {
    encryption_type = "AES256"
  }
  repository_policy = data.aws_iam_policy_document.pull.json
  lifecycle_policy  = local.lifecycle
  resource_tags     = { team = var.team }
}

resource "aws_ecr_repository_creation_template" "vault" {
  prefix      = "vault"
  applied_for = ["PULL_THROUGH_CACHE"]
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.key
  }
}

resource "aws_ecr_repository_creation_template" "root" {
  prefix      = "ROOT"
  applied_for = ["PULL_THROUGH_CACHE"]
}

data "aws_ecr_repository" "web" {
  name = aws_ecr_repository.web.name
}

data "aws_ecr_repository" "pushed" {
  name = "pushed"
}

data "aws_ecr_repositories" "all" {
  depends_on = [aws_ecr_repository.web, aws_ecr_repository.plain, aws_ecr_repository.vault, aws_ecr_repository.own_key]
}

data "aws_ecr_image" "pushed" {
  repository_name = "pushed"
  image_tag       = "v1"
}

data "aws_ecr_image" "newest" {
  repository_name = "pushed"
  most_recent     = true
}

data "aws_ecr_authorization_token" "me" {}

data "aws_ecr_pull_through_cache_rule" "quay" {
  ecr_repository_prefix = aws_ecr_pull_through_cache_rule.quay.ecr_repository_prefix
}

data "aws_ecr_repository_creation_template" "prod" {
  prefix = aws_ecr_repository_creation_template.prod.prefix
}

data "aws_ecr_lifecycle_policy_document" "one" {
  rule {
    priority = 1
    selection {
      tag_status   = "any"
      count_type   = "imageCountMoreThan"
      count_number = 100
    }
  }
}

resource "aws_ecr_lifecycle_policy" "plain" {
  repository = aws_ecr_repository.plain.name
  policy     = data.aws_ecr_lifecycle_policy_document.one.json
}

output "seen" {
  value = [
    data.aws_ecr_repository.web.image_tag_mutability, data.aws_ecr_repository.web.tags.team, data.aws_ecr_repository.web.encryption_configuration[0].encryption_type,
    tostring(data.aws_ecr_repository.web.image_scanning_configuration[0].scan_on_push),
    data.aws_ecr_image.pushed.image_tags[0], data.aws_ecr_image.newest.image_digest == data.aws_ecr_image.pushed.image_digest ? "newest" : "older",
    tostring(length(data.aws_ecr_repositories.all.names)),
    data.aws_ecr_authorization_token.me.user_name, data.aws_ecr_pull_through_cache_rule.quay.upstream_repository_prefix,
    data.aws_ecr_repository_creation_template.prod.description,
    aws_ecr_repository.vault.encryption_configuration[0].kms_key == var.key ? "with the key" : "with another",
    aws_ecr_repository.own_key.encryption_configuration[0].kms_key == var.key ? "with the key" : "with another",
  ]
}

output "proxy" {
  value = data.aws_ecr_authorization_token.me.proxy_endpoint
}

output "digest" {
  value = data.aws_ecr_image.pushed.image_digest
}
