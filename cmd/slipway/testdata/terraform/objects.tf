# A bucket, what lies in it, and a function and a layer that are made of that.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
}

variable "code" {}
variable "greeting" { default = "hello" }
variable "team" { default = "red" }
variable "versioning" { default = "Enabled" }

data "aws_caller_identity" "self" {}

resource "aws_s3_bucket" "code" {
  bucket        = "harbour-code"
  force_destroy = true
  tags          = { team = var.team }
}

resource "aws_s3_bucket_versioning" "code" {
  bucket = aws_s3_bucket.code.id
  versioning_configuration {
    status = var.versioning
  }
}

resource "aws_s3_bucket_public_access_block" "code" {
  bucket                  = aws_s3_bucket.code.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "code" {
  bucket = aws_s3_bucket.code.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_object" "zip" {
  bucket      = aws_s3_bucket_versioning.code.bucket
  key         = "functions/web.zip"
  source      = var.code
  source_hash = filemd5(var.code)
  tags        = { team = var.team }
}

resource "aws_s3_object" "greeting" {
  bucket       = aws_s3_bucket.code.id
  key          = "greeting"
  content      = var.greeting
  content_type = "text/plain"
  metadata     = { greeting = var.greeting }
}

resource "aws_s3_object_copy" "copy" {
  bucket = aws_s3_bucket.code.id
  key    = "copy"
  source = "${aws_s3_bucket.code.id}/${aws_s3_object.greeting.key}"
}

resource "aws_iam_role" "function" {
  name = "function"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_lambda_layer_version" "tools" {
  layer_name        = "tools"
  s3_bucket         = aws_s3_bucket.code.id
  s3_key            = aws_s3_object.zip.key
  s3_object_version = aws_s3_object.zip.version_id
}

resource "aws_lambda_function" "web" {
  function_name     = "web"
  role              = aws_iam_role.function.arn
  runtime           = "provided.al2023"
  handler           = "bootstrap"
  s3_bucket         = aws_s3_bucket.code.id
  s3_key            = aws_s3_object.zip.key
  s3_object_version = aws_s3_object.zip.version_id
}

data "aws_s3_object" "greeting" {
  bucket = aws_s3_object.greeting.bucket
  key    = aws_s3_object.greeting.key
}

data "aws_s3_objects" "all" {
  bucket     = aws_s3_bucket.code.id
  prefix     = "func"
  depends_on = [aws_s3_object.zip]
}

output "seen" {
  value = [data.aws_s3_object.greeting.body, one(data.aws_s3_objects.all.keys), aws_s3_bucket.code.region, aws_s3_bucket.code.arn]
}
