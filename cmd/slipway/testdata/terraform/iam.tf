terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  skip_metadata_api_check = true
}

variable "actions" {
  type    = list(string)
  default = ["logs:PutLogEvents"]
}
variable "about" { default = "first" }
variable "team" { default = "red" }
variable "home" { default = "/team/" }
variable "key" { default = "Active" }

data "aws_caller_identity" "me" {}

data "aws_iam_policy" "pull" {
  arn = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"
}

data "aws_iam_policy_document" "logs" {
  statement {
    sid       = "Write"
    actions   = var.actions
    resources = ["arn:aws:logs:*:${data.aws_caller_identity.me.account_id}:log-group:/app/*"]
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["true", "false"]
    }
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.ann.arn]
    }
  }
}

resource "aws_iam_policy" "logs" {
  name        = "logs"
  path        = "/app/"
  description = "writes logs"
  policy      = data.aws_iam_policy_document.logs.json
  tags        = { Team = var.team }
}

resource "aws_iam_role" "task" {
  name                 = "task"
  description          = var.about
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 7200
  permissions_boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
  tags                 = { Team = var.team }
}

resource "aws_iam_role_policy_attachment" "task" {
  role       = aws_iam_role.task.name
  policy_arn = aws_iam_policy.logs.arn
}

resource "aws_iam_role_policy_attachment" "pull" {
  role       = aws_iam_role.task.name
  policy_arn = data.aws_iam_policy.pull.arn
}

resource "aws_iam_role_policy" "own" {
  name   = "own"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.logs.json
}

resource "aws_iam_instance_profile" "host" {
  name = "host"
  role = aws_iam_role.task.name
  tags = { Team = var.team }
}

resource "aws_iam_user" "ann" {
  name = "ann"
  path = var.home
  tags = { Team = var.team }
}

resource "aws_iam_user_policy" "own" {
  name   = "own"
  user   = aws_iam_user.ann.name
  policy = data.aws_iam_policy_document.logs.json
}

resource "aws_iam_user_policy_attachment" "ann" {
  user       = aws_iam_user.ann.name
  policy_arn = aws_iam_policy.logs.arn
}

resource "aws_iam_access_key" "ann" {
  user = aws_iam_user.ann.name
}

resource "aws_iam_group" "devs" {
  name = "devs"
}

resource "aws_iam_group_membership" "devs" {
  name  = "devs"
  group = aws_iam_group.devs.name
  users = [aws_iam_user.ann.name]
}

resource "aws_iam_group_policy" "own" {
  name   = "own"
  group  = aws_iam_group.devs.name
  policy = data.aws_iam_policy_document.logs.json
}

resource "aws_iam_group_policy_attachment" "devs" {
  group      = aws_iam_group.devs.name
  policy_arn = aws_iam_policy.logs.arn
}

resource "aws_iam_user" "bob" {
  name          = "bob"
  force_destroy = true
}

resource "aws_iam_access_key" "bob" {
  user   = aws_iam_user.bob.name
  status = var.key
}

resource "aws_iam_group" "ops" {
  name = "ops"
  path = var.home
}

resource "aws_iam_user_group_membership" "bob" {
  user   = aws_iam_user.bob.name
  groups = [aws_iam_group.ops.name]
}

resource "aws_iam_service_linked_role" "ecs" {
  aws_service_name = "ecs.amazonaws.com"
  description      = var.about
  tags             = { Team = var.team }
}

resource "aws_iam_account_alias" "sea" {
  account_alias = "sea-team"
}

data "aws_iam_principal_policy_simulation" "task" {
  action_names      = ["logs:PutLogEvents", "ecs:RunTask"]
  policy_source_arn = aws_iam_role.task.arn
  resource_arns     = ["arn:aws:logs:us-east-1:${data.aws_caller_identity.me.account_id}:log-group:/app/web"]
  context {
    key    = "aws:SecureTransport"
    type   = "boolean"
    values = ["true"]
  }
  depends_on = [aws_iam_role_policy.own, aws_iam_role_policy_attachment.task]
}

output "account" { value = data.aws_caller_identity.me.account_id }
output "simulated" { value = [for r in data.aws_iam_principal_policy_simulation.task.results : "${r.action_name} ${r.decision} ${join(",", [for m in r.matched_statements : m.source_policy_id])}"] }
