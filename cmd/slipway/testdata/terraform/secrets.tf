terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
}

variable "value" { default = "one" }
variable "team" { default = "red" }
variable "about" { default = "first" }
variable "pattern" { default = "^[a-z]+$" }

data "aws_caller_identity" "me" {}

resource "aws_ssm_parameter" "plain" {
  name            = "/app/plain"
  type            = "String"
  value           = var.value
  description     = var.about
  allowed_pattern = var.pattern
  tags            = { team = var.team }
}

resource "aws_ssm_parameter" "list" {
  name  = "/app/list"
  type  = "StringList"
  value = "a,b,${var.value}"
}

resource "aws_ssm_parameter" "secure" {
  name  = "/app/secure"
  type  = "SecureString"
  tier  = "Advanced"
  value = "hunter2-${var.value}"
}

resource "aws_secretsmanager_secret" "db" {
  name                    = "app/db"
  description             = var.about
  recovery_window_in_days = 0
  tags                    = { team = var.team }
}

resource "aws_secretsmanager_secret_version" "db" {
  secret_id     = aws_secretsmanager_secret.db.id
  secret_string = jsonencode({ password = "hunter2-${var.value}" })
}

resource "aws_secretsmanager_secret_policy" "db" {
  secret_arn          = aws_secretsmanager_secret.db.arn
  block_public_policy = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
      Action    = "secretsmanager:GetSecretValue"
      Resource  = "*"
      Condition = { StringEquals = { "secretsmanager:ResourceTag/team" = var.team } }
    }]
  })
}

resource "aws_secretsmanager_secret" "bytes" {
  name                    = "bytes"
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "bytes" {
  secret_id      = aws_secretsmanager_secret.bytes.id
  secret_binary  = base64encode(var.value)
  version_stages = ["AWSCURRENT", "tested"]
}

data "aws_ssm_parameter" "secure" {
  name       = aws_ssm_parameter.secure.name
  depends_on = [aws_ssm_parameter.secure]
}

data "aws_ssm_parameters_by_path" "app" {
  path       = "/app"
  depends_on = [aws_ssm_parameter.plain, aws_ssm_parameter.list, aws_ssm_parameter.secure]
}

data "aws_secretsmanager_secret" "db" {
  name       = aws_secretsmanager_secret.db.name
  depends_on = [aws_secretsmanager_secret.db]
}

data "aws_secretsmanager_secret_version" "db" {
  secret_id  = aws_secretsmanager_secret.db.id
  depends_on = [aws_secretsmanager_secret_version.db]
}

data "aws_secretsmanager_random_password" "new" {
  password_length = 20
}

output "seen" {
  value = [
    nonsensitive(data.aws_ssm_parameter.secure.value),
    join(" ", sort(data.aws_ssm_parameters_by_path.app.names)),
    data.aws_secretsmanager_secret.db.description,
    nonsensitive(jsondecode(data.aws_secretsmanager_secret_version.db.secret_string).password),
    tostring(nonsensitive(length(data.aws_secretsmanager_random_password.new.random_password))),
    tostring(aws_ssm_parameter.plain.version),
  ]
}
