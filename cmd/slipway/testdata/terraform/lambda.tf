# Functions with all that is set beside them.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
}

variable "code" {}
variable "layer" {}
variable "provisioned" { type = number }

variable "memory" {
  type    = number
  default = 128
}
variable "reserved" {
  type    = number
  default = 10
}
variable "greeting" { default = "hello" }
variable "team" { default = "red" }
variable "auth" { default = "NONE" }
variable "origin" { default = "https://example.com" }
variable "retries" {
  type    = number
  default = 0
}
variable "bucket" { default = "arn:aws:s3:::first" }

data "aws_caller_identity" "self" {}

resource "aws_iam_role" "function" {
  name = "function"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_layer_version" "tools" {
  layer_name               = "tools"
  filename                 = var.layer
  source_code_hash         = filebase64sha256(var.layer)
  description              = "tools of all"
  license_info             = "MIT"
  compatible_runtimes      = ["provided.al2023"]
  compatible_architectures = ["x86_64"]
}

resource "aws_lambda_layer_version_permission" "all" {
  layer_name     = aws_lambda_layer_version.tools.layer_name
  version_number = aws_lambda_layer_version.tools.version
  statement_id   = "all"
  action         = "lambda:GetLayerVersion"
  principal      = data.aws_caller_identity.self.account_id
}

resource "aws_lambda_function" "web" {
  function_name    = "web"
  description      = "greets"
  role             = aws_iam_role.function.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  filename         = var.code
  source_code_hash = filebase64sha256(var.code)
  layers           = [aws_lambda_layer_version.tools.arn]
  memory_size      = var.memory
  timeout          = 10
  publish          = true
  tags             = { team = var.team, "slipway:staleness" = "max-age=5" }

  reserved_concurrent_executions = var.reserved

  environment {
    variables = { GREETING = var.greeting }
  }
  ephemeral_storage { size = 600 }
  logging_config {
    log_format            = "JSON"
    application_log_level = "WARN"
    system_log_level      = "INFO"
  }
}

resource "aws_lambda_function" "sink" {
  function_name = "sink"
  role          = aws_iam_role.function.arn
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  filename      = var.code
  architectures = ["x86_64"]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "what callers call"
  function_name    = aws_lambda_function.web.function_name
  function_version = aws_lambda_function.web.version
}

resource "aws_lambda_permission" "bucket" {
  statement_id   = "bucket"
  function_name  = aws_lambda_function.web.function_name
  qualifier      = aws_lambda_alias.live.name
  action         = "lambda:InvokeFunction"
  principal      = "s3.amazonaws.com"
  source_arn     = var.bucket
  source_account = data.aws_caller_identity.self.account_id
}

resource "aws_lambda_permission" "visitors" { # a URL asks for it, beside what the provider gives when it makes one
  statement_id  = "visitors"
  function_name = aws_lambda_function.web.function_name
  qualifier     = aws_lambda_alias.live.name
  action        = "lambda:InvokeFunction"
  principal     = "*"
}

resource "aws_lambda_permission" "account" {
  statement_id_prefix = "account-"
  function_name       = aws_lambda_function.web.arn
  action              = "lambda:InvokeFunction"
  principal           = "arn:aws:iam::${data.aws_caller_identity.self.account_id}:root" # an account is told so, as on AWS
}

resource "aws_lambda_function_url" "live" {
  function_name      = aws_lambda_function.web.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = var.auth
  invoke_mode        = "BUFFERED"

  cors {
    allow_credentials = true
    allow_origins     = [var.origin]
    allow_methods     = ["GET", "POST"]
    allow_headers     = ["date", "keep-alive"]
    expose_headers    = ["keep-alive"]
    max_age           = 600
  }
}

resource "aws_lambda_function_url" "sink" {
  function_name      = aws_lambda_function.sink.function_name
  authorization_type = "AWS_IAM"
}

resource "aws_lambda_function_event_invoke_config" "web" {
  function_name                = aws_lambda_function.web.function_name
  maximum_event_age_in_seconds = 120
  maximum_retry_attempts       = var.retries

  destination_config {
    on_failure { destination = aws_lambda_function.sink.arn }
  }
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  function_name                     = aws_lambda_alias.live.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = var.provisioned
}

data "aws_lambda_function" "web" {
  function_name = aws_lambda_function.web.function_name
  qualifier     = aws_lambda_alias.live.name
}

data "aws_lambda_layer_version" "tools" {
  layer_name = aws_lambda_layer_version.tools.layer_name
}

data "aws_lambda_function_url" "live" {
  function_name = aws_lambda_function_url.live.function_name
  qualifier     = aws_lambda_function_url.live.qualifier
}

output "seen" {
  value = [
    data.aws_lambda_function.web.version, data.aws_lambda_function.web.timeout, data.aws_lambda_layer_version.tools.version,
    data.aws_lambda_function_url.live.authorization_type, aws_lambda_alias.live.function_version, aws_lambda_function_url.live.cors[0].max_age,
  ]
}

output "url" { value = aws_lambda_function_url.live.function_url }
